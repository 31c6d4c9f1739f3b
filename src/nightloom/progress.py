"""How long-running functions report progress."""

from typing import Protocol


class Report(Protocol):
    """Receives progress and log lines."""

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """Report that `done` of `total` units of `what` are finished, with additional `facts`."""

    def log(self, message: str) -> None:
        """Log a line of information."""

    def warn(self, message: str) -> None:
        """Log a warning."""


class Silent:
    """Discards everything."""

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """Nothing."""

    def log(self, message: str) -> None:
        """Nothing."""

    def warn(self, message: str) -> None:
        """Nothing."""


SILENT: Report = Silent()
