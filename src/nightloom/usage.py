"""What building a stage used: processor, memory and GPUs, under the names of MLflow's system
metrics.

It is kept beside the artifact, in a small file of the home: in no key, no digest and no version.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from nightloom.data.sources.states import keep
from nightloom.home import Home

CPU = "cpu_utilization_percentage"
MEMORY = "system_memory_usage_megabytes"
MEMORY_SHARE = "system_memory_usage_percentage"
GPU = "gpu_{}_utilization_percentage"
GPU_MEMORY = "gpu_{}_memory_usage_megabytes"
GPU_MEMORY_SHARE = "gpu_{}_memory_usage_percentage"


@dataclass(frozen=True)
class Usage:
    """Of the process that built a stage, and its children; GPUs as wholes, whoever uses them."""

    mean: Mapping[str, float] = field(default_factory=dict)
    """Over the time of building, by name."""
    peak: Mapping[str, float] = field(default_factory=dict)
    points: Sequence[tuple[float, Mapping[str, float]]] = ()
    """The course, in few points: the time, in seconds since the epoch, and the values."""

    @property
    def summary(self) -> dict[str, dict[str, float]]:
        """Mean and peak by name, as reports have them."""
        return {
            name: {"mean": mean, "peak": self.peak.get(name, mean)}
            for name, mean in self.mean.items()
        }

    @classmethod
    def read(cls, home: Home, name: str) -> Self | None:
        """What was kept of an artifact; None if nothing was, or it is unreadable.

        name: of the folder in which the artifact was built (`building_name`).
        """
        try:
            told = json.loads(_file(home, name).read_text("utf-8"))
            points = [(float(at), dict(values)) for at, values in told["points"]]
            return cls(dict(told["mean"]), dict(told["peak"]), points)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, home: Home, name: str) -> None:
        """Keep it, whole or not at all."""
        keep(_file(home, name), asdict(self))


def _file(home: Home, name: str) -> Path:
    return home.usage / f"{name}.json"
