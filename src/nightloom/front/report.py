"""The report of a run in Python: the JSON of `nightloom run --json`, with readable printing."""

from collections.abc import Mapping, Sequence
from typing import Any

from nightloom.reporting.summary import summary


class Report(dict[str, Any]):
    """The dict of `nightloom run --json`; `print` shows what the command line prints."""

    @property
    def state(self) -> str:
        """`completed`, `planned` or `failed`."""
        return str(self["state"])

    @property
    def stages(self) -> Sequence[Mapping[str, Any]]:
        """One entry per stage: stage, state, key, digest, seconds, why, saved; none for nights."""
        return list(self.get("stages", ()))

    @property
    def built(self) -> list[str]:
        """The stages that were built; others came from the cache."""
        return [entry["stage"] for entry in self.stages if entry["state"] == "built"]

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Scores on the test rows; empty for a plan that would train, and for a night."""
        return dict(self.get("metrics") or {})

    @property
    def model(self) -> Mapping[str, Any] | None:
        """The registered version: name, version, aliases, decision, reason and more; else None."""
        return self.get("model")

    def __str__(self) -> str:
        return "\n".join(summary(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The display in a notebook."""
        printer.text(str(self))
