"""Settings of `nightloom deploy`: what is set up on a Prefect server.

How settings interact also depends on the server: `deployments/` checks that. The examples are
values that differ from the defaults; tests deploy each of them.
"""

from typing import ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from nightloom.settings.base import Settings
from nightloom.settings.intervals import Interval
from nightloom.settings.tidy import KeepSettings

LEAST_SILENCE = 90
"""Seconds: three of Prefect's shortest heartbeats."""


class PoolSettings(Settings):
    """The work pool that workers take runs from."""

    name: str = Field(default="nightloom", pattern=r"^[^/%&<>]{1,100}$", examples=["boxes"])
    """Its name; the worker of `nightloom up` polls `nightloom`, or its `--pool`."""
    type: Literal["process", "docker", "kubernetes"] = "process"
    """Where runs are executed; docker and kubernetes need a worker of that type."""
    template: str | None = Field(default=None, examples=["pool.json"])
    """JSON file with the pool's base job template; none: the type's default."""
    image: str | None = Field(default=None, examples=["registry.example.org/nightloom:2"])
    """Image with nightloom in it, for docker and kubernetes."""
    home: str = Field(default="/nightloom", examples=["/srv/home"])
    """Where the shared home is mounted, for docker and kubernetes."""


class ScheduleSettings(Settings):
    """When the night runs."""

    cron: str = Field(default="0 2 * * *", examples=["30 1 * * 1-5"])
    """Minute, hour, day, month, weekday."""
    timezone: str = Field(default="UTC", examples=["Europe/Berlin"])
    """Time zone of the schedule, such as Europe/Berlin."""
    active: bool | None = True
    """Whether the schedule is active; none: as on the server, initially yes."""
    deadline: str | None = Field(
        default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["06:00"]
    )
    """Time of the day, in the time zone of the night, by which the scheduled night should be
    completed, or else that is told; none: never."""
    watch: Interval | None = Field(default=None, examples=["15m"])
    """How often the models' sources are looked at: the night starts when one has changed, beside
    its schedule; none: never."""
    models: str | None = Field(default=None, examples=["nightly.yaml"])
    """YAML file with the night's models; none: those of deployments/prefect.yaml."""

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
        return _cron(value, "0 2 * * *")


class TidyScheduleSettings(Settings):
    """When the home is tidied up."""

    cron: str | None = Field(default="0 12 * * 0", examples=["0 5 1 * *"])
    """Minute, hour, day, month, weekday, in the time zone that the night had when this was set up;
    none: never."""

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str | None) -> str | None:
        return None if value is None else _cron(value, "0 12 * * 0")


def _cron(value: str, example: str) -> str:
    if len(value.split()) != 5:
        raise ValueError(f"expected five fields, minute to weekday, such as {example}")
    return " ".join(value.split())


class GpuSettings(Settings):
    """How many trainings may run at once, across all machines."""

    slots: int = Field(default=1, ge=1, le=10_000)
    """Slots of the global concurrency limit `gpu`; a training takes one."""


class NotifySettings(Settings):
    """Who is notified."""

    webhook: str | None = Field(
        default=None, pattern=r"^https?://\S+$", examples=["http://127.0.0.1:8000/hook"]
    )
    """URL to post `subject` and `body` to, as JSON."""
    block: str | None = Field(
        default=None, pattern=r"^[a-z0-9-]+/[a-z0-9-]+$", examples=["custom-webhook/ops"]
    )
    """An existing notification block on the server: slack-webhook/ops, sendgrid-email/ops."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.webhook and self.block:
            raise ValueError("expected notify.webhook or notify.block, got both")
        return self


class RerunSettings(Settings):
    """What happens to a run whose process died."""

    crashed: bool = True
    """Whether a crashed run is rerun, once; its training resumes."""
    wait_seconds: int = Field(default=30, ge=15, le=86_400)
    """Delay from crash to rerun: Prefect's worker may report a crash twice, seconds apart."""
    pending_seconds: int = Field(default=600, ge=15, le=86_400)
    """A run that a worker took and has not started for this long is told."""
    silent_seconds: int = Field(default=120, ge=LEAST_SILENCE, le=86_400)
    """A run without a heartbeat for this long is marked as crashed."""


class DeploySettings(Settings):
    """Everything that `nightloom deploy` sets up."""

    listed_by: ClassVar[str] = "nightloom flows deploy"

    pool: PoolSettings = PoolSettings()
    nightly: ScheduleSettings = ScheduleSettings()
    gpu: GpuSettings = GpuSettings()
    notify: NotifySettings = NotifySettings()
    rerun: RerunSettings = RerunSettings()
    tidy: TidyScheduleSettings = TidyScheduleSettings()
    keep: KeepSettings = KeepSettings()
