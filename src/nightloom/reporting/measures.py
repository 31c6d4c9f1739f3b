"""`metrics.prom` in the home: how the last runs went, in Prometheus' text format.

For the text-file collector of Prometheus' node exporter, or anything else that reads the format.
Each model's last run is kept as a small JSON file, so that every run can write it for all models.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from nightloom.data.sources.states import keep
from nightloom.home import Home
from nightloom.registry.store import lock

FILE = "metrics.prom"
MODEL, ANSWERS, NIGHT = "model", "answers", "night"
"""What is measured."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The last run of a model, of answers or of a night."""

    kind: str
    name: str
    ended: float
    """Seconds since the epoch."""
    succeeded: bool
    seconds: float
    success: float | None = None
    """When it last succeeded."""
    metric: str | None = None
    value: float | None = None
    champion: int | None = None
    """Version; 0 if there is none."""
    data: float | None = None
    """When its rows were last found to have changed."""
    rows: int | None = None
    """Of answers: rows, answered or not."""
    failed: int | None = None
    """Of a night: models and answers that failed."""

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """What was kept; None if nothing was, or it is unreadable."""
        try:
            return cls(**json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def after(self, before: "Measured | None") -> "Measured":
        """With what is only known of earlier runs."""
        if self.succeeded:
            return replace(self, success=self.ended)
        if before is None:
            return self
        known = {
            name: getattr(before, name) if getattr(self, name) is None else getattr(self, name)
            for name in ("success", "metric", "value", "champion", "data", "rows")
        }
        return replace(self, **known)


def measure(home: Home, done: Measured) -> Path:
    """Keep what a run was like, and write `metrics.prom` anew, whole or not at all."""
    folder = home.root / "metrics"
    file = folder / f"{sha256(f'{done.kind} {done.name}'.encode()).hexdigest()[:32]}.json"
    with lock(folder / ".lock"):
        keep(file, asdict(done.after(Measured.read(file))))
        found = [one for path in sorted(folder.glob("*.json")) if (one := Measured.read(path))]
        target = home.root / FILE
        _write(target, found, shutil.disk_usage(home.root), now=time.time())
    return target


def _write(target: Path, found: list[Measured], disk: Any, *, now: float) -> None:
    from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

    registry = CollectorRegistry()
    for kind, prefix in PREFIXES.items():
        for name, said, value_of in GAUGES:
            known = [(one, value_of(one)) for one in found if one.kind == kind]
            samples = [(one, value) for one, value in known if value is not None]
            if not samples:
                continue
            labels = (kind, "metric") if name == "metric" else (kind,)
            gauge = Gauge(f"nightloom_{prefix}{name}", said, labels, registry=registry)
            for one, value in samples:
                named = (one.name, one.metric) if name == "metric" else (one.name,)
                gauge.labels(*named).set(value)
    for name, said, value in (
        ("home_free_bytes", "Free space of the home's file system", disk.free),
        ("home_size_bytes", "Size of the home's file system", disk.total),
        ("written_timestamp_seconds", "When this file was written", now),
    ):
        Gauge(f"nightloom_{name}", said, registry=registry).set(value)
    write_to_textfile(str(target), registry)


PREFIXES = {MODEL: "", ANSWERS: "answers_", NIGHT: "night_"}
"""What the names of gauges begin with, by kind; the kind is their label."""
GAUGES: tuple[tuple[str, str, Callable[[Measured], float | None]], ...] = (
    ("last_run_timestamp_seconds", "End of the last run", lambda one: one.ended),
    (
        "last_run_succeeded",
        "1 if the last run succeeded, else 0",
        lambda one: one.succeeded,
    ),
    (
        "last_success_timestamp_seconds",
        "End of the last run that succeeded",
        lambda one: one.success,
    ),
    ("run_seconds", "Duration of the last run", lambda one: one.seconds),
    ("metric", "The gate's metric of the last model, on its test rows", lambda one: one.value),
    ("champion_version", "The version that is champion, 0 if none is", lambda one: one.champion),
    ("data_timestamp_seconds", "When the rows were last found changed", lambda one: one.data),
    (
        "data_age_seconds",
        "How old that was when the last run ended",
        lambda one: None if one.data is None else max(one.ended - one.data, 0.0),
    ),
    ("rows", "Rows of the last run, answered or not", lambda one: one.rows),
    ("failures", "Models and answers that failed", lambda one: one.failed),
)
"""Name, help, and value of a run; None where it has none."""
