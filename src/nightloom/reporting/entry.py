"""The outcome of a stage in a run, and the line that reports it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nightloom.cache.lookup import span

Untold = Literal["", "run", "night"]


@dataclass
class StageEntry:
    """One stage of a run, as reports show it."""

    stage: str
    state: str
    """`hit` or `built`; in a plan `hit`, `miss` or `depends`; `failed`;
    `skipped`: the run leaves it out; `ran`: an own step that is not cached."""
    key: str = ""
    digest: str = ""
    seconds: float = 0.0
    """Its duration in this run, in seconds."""
    why: str = ""
    saved: float = 0.0
    """Seconds that building it took, if it was a hit."""
    verdict: str = ""
    """Of a check: `fine`, `warned` or `refused`."""
    expected: float | None = None
    """In a plan: seconds that building it will probably take; None if that is unknown."""
    usage: Mapping[str, Mapping[str, float]] | None = None
    """What building it used, `mean` and `peak` by MLflow's names of system metrics."""
    untold: Untold = ""
    """Of a registration that is a hit: who was stopped before it could tell of it, the `run` that
    built it, or only the `night` around that."""

    def __str__(self) -> str:
        """One line: `HIT     encode 3f9a12cd built 2 days ago, saves 41 s`."""
        name = f"{self.state.upper():<7} {self.stage}"
        if self.state == "hit":
            return f"{name} {self.key[:8]} {self.why}"
        if self.state == "ran" or (self.state == "failed" and not self.key):
            return f"{name} in {self.seconds:.1f} s"
        if self.state in ("built", "failed"):
            return f"{name} {self.key[:8]} in {self.seconds:.1f} s"
        about = f" (about {span(self.expected)})" if self.expected is not None else ""
        return f"{name}: {self.why}{about}"
