"""How long the build of a stage may take, and how much memory."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StageLimits:
    """The limits of one stage, with the settings that they come from, for messages."""

    seconds: float | None = None
    """Of building; waiting for a slot or for another run is not counted."""
    memory: float | None = None
    """Bytes of their own that the process and its children may have."""
    time_setting: str = ""
    """Such as `run.limits.train=2h`."""
    memory_setting: str = ""


NO_LIMITS = StageLimits()
