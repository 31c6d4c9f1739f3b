"""The report of a run, as Python has it: the JSON of `nightloom run --json`, printed as a person
reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from nightloom.reporting.summary import summary


class Report(dict[str, Any]):
    """A dict, the very one of `nightloom run --json`; `print` gives what the command line says."""

    @property
    def state(self) -> str:
        """`completed`, `planned` or `failed`."""
        return str(self["state"])

    @property
    def stages(self) -> Sequence[Mapping[str, Any]]:
        """One entry a stage: stage, state, key, digest, seconds, why, saved; none for a night."""
        return list(self.get("stages", ()))

    @property
    def built(self) -> list[str]:
        """The stages that were built; the others came from the cache."""
        return [entry["stage"] for entry in self.stages if entry["state"] == "built"]

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Scores on the test rows; empty for a plan that would train, and for a night."""
        return dict(self.get("metrics") or {})

    @property
    def model(self) -> Mapping[str, Any] | None:
        """What was registered: name, version, aliases, decision, reason and more; else None."""
        return self.get("model")

    def __str__(self) -> str:
        return "\n".join(summary(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What a notebook shows."""
        printer.text(str(self))
