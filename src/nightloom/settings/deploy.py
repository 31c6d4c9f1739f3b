"""Settings of `nightloom deploy`: what is set up on a Prefect server."""

from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from nightloom.settings.base import Settings

LEAST_SILENCE = 90
"""Seconds: three of Prefect's shortest heartbeats."""


class PoolSettings(Settings):
    """The work pool that runs are taken from."""

    name: str = Field(default="nightloom", pattern=r"^[^/%&<>]{1,100}$")
    """Its name; the worker of `nightloom up` looks there."""
    type: Literal["process", "docker", "kubernetes"] = "process"
    """Where a run's process is made; docker and kubernetes need a worker of that kind."""
    template: str | None = None
    """JSON file with the pool's base job template; none: the one that comes with the type."""
    image: str | None = None
    """Image with nightloom in it, for docker and kubernetes."""
    home: str = "/nightloom"
    """Where the shared home is mounted, for docker and kubernetes."""

    @model_validator(mode="after")
    def _check_image(self) -> Self:
        if self.type != "process" and not self.image:
            raise ValueError(f"pool.type={self.type} needs pool.image, the image of nightloom")
        return self


class ScheduleSettings(Settings):
    """When the night is."""

    cron: str = "0 2 * * *"
    """Minute, hour, day, month, weekday."""
    timezone: str = "UTC"
    """Name of the time zone that the hours are of, such as Europe/Berlin."""
    active: bool | None = None
    """Whether the schedule runs; none: as it is on the server, at first yes."""
    models: str | None = None
    """YAML file with the models of the night; none: those of deployments/prefect.yaml."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("expected a time zone such as UTC or Europe/Berlin") from None
        return value

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        if len(value.split()) != 5:
            raise ValueError("expected five fields, minute to weekday, such as 0 2 * * *")
        return " ".join(value.split())


class GpuSettings(Settings):
    """How many trainings may run at once, over all machines."""

    slots: int = Field(default=1, ge=1, le=10_000)
    """Slots of the global concurrency limit `gpu`; a training takes one."""


class NotifySettings(Settings):
    """Who is told."""

    webhook: str | None = Field(default=None, pattern=r"^https?://\S+$")
    """URL that gets `subject` and `body` as JSON."""
    block: str | None = Field(default=None, pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")
    """A notification block that is on the server already: slack-webhook/ops, sendgrid-email/ops."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.webhook and self.block:
            raise ValueError("expected notify.webhook or notify.block, got both")
        return self


class RerunSettings(Settings):
    """What happens to a run whose process is gone."""

    crashed: bool = True
    """Whether a crashed run is run again, once; its training resumes."""
    wait_seconds: int = Field(default=30, ge=15, le=86_400)
    """Time from the crash until then: Prefect's worker may report it twice, some seconds apart."""
    silent_seconds: int = Field(default=120, ge=LEAST_SILENCE, le=86_400)
    """Without a heartbeat for so long, a run is marked as crashed."""


class DeploySettings(Settings):
    """Everything that `nightloom deploy` sets up."""

    pool: PoolSettings = PoolSettings()
    nightly: ScheduleSettings = ScheduleSettings()
    gpu: GpuSettings = GpuSettings()
    notify: NotifySettings = NotifySettings()
    rerun: RerunSettings = RerunSettings()
