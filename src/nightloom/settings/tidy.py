"""Settings of `nightloom tidy`: how much of the past is kept."""

from typing import ClassVar

from pydantic import Field

from nightloom.settings.base import Settings

MOST_DAYS = 730
"""What nights leave on record is kept for two years, and so may be everything else."""


class KeepSettings(Settings):
    """How much of the past is kept; what is in use is kept in any case."""

    versions: int = Field(default=30, ge=1, le=10_000)
    """How many of the newest versions of each model are kept; older ones are removed."""
    days: int = Field(default=90, ge=1, le=MOST_DAYS)
    """Versions and Prefect's runs of nightloom older than this many days are removed."""
    unused_days: int = Field(default=14, ge=1, le=MOST_DAYS)
    """Artifacts and checkpoints that no version needs are removed when not used for this long."""


class TidySettings(Settings):
    """What `nightloom tidy` keeps."""

    listed_by: ClassVar[str] = "nightloom flows tidy"

    keep: KeepSettings = KeepSettings()
