"""How long-running functions tell the outside how far they are."""

from typing import Protocol


class Report(Protocol):
    """Receiver of progress and of lines for the operator."""

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """Say that `done` of `total` units of `what` are finished; `facts` is shown beside it."""

    def log(self, message: str) -> None:
        """Pass on one line of information."""

    def warn(self, message: str) -> None:
        """Pass on one line that someone should look at."""


class Silent:
    """Says nothing to anybody."""

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """Nothing."""

    def log(self, message: str) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        """Nothing."""


SILENT: Report = Silent()
