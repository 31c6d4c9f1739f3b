"""Records of nights in MLflow's SQLite file, as its tables: importing MLflow takes seconds."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from nightloom.registry.nights.record import (
    EXPERIMENT,
    KEPT,
    MODEL_TAG,
    NIGHT_TAG,
    RECORD_TAG,
    NightRecord,
    write_night,
)
from nightloom.registry.server import TIMEOUT
from nightloom.registry.store import open_client

NAME_TAG = "mlflow.runName"


def keep_in_file(path: Path, root: Path, records: Sequence[NightRecord]) -> None:
    """Keep a night's records in place of earlier ones of it; what is too old goes.

    All at once or not at all. root: folder of the models' files.
    """
    if not path.exists():
        open_client(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, timeout=TIMEOUT, isolation_level=None)) as base:
        base.execute("BEGIN IMMEDIATE")
        try:
            tables = _Tables(base, root)
            tables.forget(records[0].night)
            write_night(tables, records)
            base.execute("COMMIT")
        except BaseException:
            base.execute("ROLLBACK")
            raise


class _Tables:
    """Those of MLflow, as far as runs need them."""

    def __init__(self, base: sqlite3.Connection, root: Path) -> None:
        self._base, self._root = base, root
        self._number = self._experiment()

    def _insert(self, table: str, **values: Any) -> None:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._base.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*values.values()])

    def _experiment(self) -> int:
        query = "SELECT experiment_id FROM experiments WHERE name = ?"
        found = self._base.execute(query, (EXPERIMENT,)).fetchone()
        now = int(time.time() * 1000)
        if found is None:
            self._insert(
                "experiments",
                name=EXPERIMENT,
                artifact_location=(self._root / EXPERIMENT).absolute().as_uri(),
                lifecycle_stage="active",
                creation_time=now,
                last_update_time=now,
            )
            found = self._base.execute(query, (EXPERIMENT,)).fetchone()
        else:
            self._base.execute(
                "UPDATE experiments SET lifecycle_stage = 'active' WHERE experiment_id = ?", found
            )
        return int(found[0])

    def forget(self, night: str) -> None:
        """Remove what was kept of a night, and what is too old."""
        old = (time.time() - KEPT) * 1000
        runs = self._base.execute(
            "SELECT r.run_uuid FROM runs r WHERE r.experiment_id = ? AND (r.start_time < ? OR "
            "EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = ? AND "
            "t.value = ?))",
            (self._number, old, NIGHT_TAG, night),
        ).fetchall()
        for table in ("tags", "params", "metrics", "latest_metrics", "runs"):
            self._base.executemany(f"DELETE FROM {table} WHERE run_uuid = ?", runs)

    def run(
        self,
        *,
        name: str,
        when: float,
        seconds: float,
        tags: Mapping[str, str],
        numbers: Mapping[str, float],
        params: Mapping[str, str],
    ) -> str:
        """As Runs says."""
        run, begun = uuid4().hex, int(when * 1000)
        self._insert(
            "runs",
            run_uuid=run,
            name=name,
            source_type="LOCAL",
            source_name="nightloom",
            entry_point_name="",
            user_id="nightloom",
            status="FINISHED",
            start_time=begun,
            end_time=begun + int(seconds * 1000),
            source_version="",
            lifecycle_stage="active",
            artifact_uri=(self._root / EXPERIMENT / run / "artifacts").absolute().as_uri(),
            experiment_id=self._number,
        )
        for key, value in {NAME_TAG: name, **tags}.items():
            self._insert("tags", key=key, value=value, run_uuid=run)
        for key, value in params.items():
            self._insert("params", key=key, value=value, run_uuid=run)
        for key, number in numbers.items():
            given = {"key": key, "value": float(number), "timestamp": begun, "step": 0}
            for table in ("metrics", "latest_metrics"):
                self._insert(table, **given, is_nan=False, run_uuid=run)
        return run


def texts_in_file(path: Path, model: str | None) -> Iterator[str]:
    """The records of one model or all, as they were written."""
    if not path.exists():
        return
    only = (
        ""
        if model is None
        else (
            " AND EXISTS (SELECT 1 FROM tags m WHERE m.run_uuid = r.run_uuid AND m.key = ? "
            "AND m.value = ?)"
        )
    )
    values = [EXPERIMENT, RECORD_TAG, *([] if model is None else [MODEL_TAG, model])]
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=TIMEOUT)) as base:
        found = base.execute(
            "SELECT t.value FROM experiments e JOIN runs r ON r.experiment_id = e.experiment_id "
            "JOIN tags t ON t.run_uuid = r.run_uuid WHERE e.name = ? AND t.key = ? "
            f"AND r.lifecycle_stage = 'active'{only}",
            values,
        ).fetchall()
    yield from (str(text) for (text,) in found)
