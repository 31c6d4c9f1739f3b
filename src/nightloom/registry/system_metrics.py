"""What the stages of a version used, as MLflow's system metrics of its run.

MLflow's own monitor watches a run while it is running, and the whole machine; the run of a version
is made when training is over, and other runs share the machine. So these are the processes that
built the version, under MLflow's names, with the times at which it was so. Written as the store's
tables or through its REST API: importing MLflow takes seconds.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from nightloom.errors import RunError
from nightloom.registry.aliases import check_store
from nightloom.registry.server import TIMEOUT, login
from nightloom.registry.store import sqlite_path
from nightloom.usage import Usage

PREFIX = "system/"
A_BATCH = 900
"""Metrics of one request; MLflow takes 1,000."""


def keep_usage(tracking_uri: str, run_id: str, stages: Sequence[tuple[float, Usage]]) -> None:
    """Log what stages used with the run of a version, unless it has such metrics.

    stages: for each its duration, in seconds, and what it used.

    Raises RunError where the store takes nothing.
    """
    from httpx import HTTPError

    logged = list(_logged(stages))
    if not logged:
        return
    check_store(tracking_uri)
    try:
        if sqlite_path(tracking_uri) is not None:
            _in_file(tracking_uri, run_id, logged)
        else:
            _on_server(tracking_uri, run_id, logged)
    except (sqlite3.Error, HTTPError, OSError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())[:200]
        raise RunError(f"the system metrics of run {run_id} in {tracking_uri}: {said}") from error


def _logged(stages: Sequence[tuple[float, Usage]]) -> Iterator[dict[str, Any]]:
    """The course of all stages, then peaks and means over them, as MLflow's REST API has them."""
    points = sorted(
        (point for _, used in stages for point in used.points), key=lambda point: point[0]
    )
    for step, (at, values) in enumerate(points):
        for name, value in values.items():
            yield _metric(PREFIX + name, value, at=at, step=step)
    now = time.time()
    for name in sorted({name for _, used in stages for name in used.mean}):
        told = [(max(span, 0.001), used) for span, used in stages if name in used.mean]
        mean = sum(span * used.mean[name] for span, used in told) / sum(span for span, _ in told)
        yield _metric(f"{PREFIX}mean/{name}", mean, at=now)
        peak = max(used.peak.get(name, used.mean[name]) for _, used in told)
        yield _metric(f"{PREFIX}peak/{name}", peak, at=now)


def _metric(key: str, value: float, *, at: float, step: int = 0) -> dict[str, Any]:
    return {"key": key, "value": float(value), "timestamp": int(at * 1000), "step": step}


def _in_file(tracking_uri: str, run_id: str, logged: Sequence[Mapping[str, Any]]) -> None:
    path = sqlite_path(tracking_uri)
    assert path is not None
    columns = "(key, value, timestamp, step, is_nan, run_uuid)"
    rows = [(*one.values(), False, run_id) for one in logged]
    latest = {str(one["key"]): row for one, row in zip(logged, rows, strict=True)}
    with closing(sqlite3.connect(path, timeout=TIMEOUT, isolation_level=None)) as base:
        base.execute("BEGIN IMMEDIATE")
        try:
            query = (
                "SELECT 1 FROM runs r WHERE r.run_uuid = ? AND r.lifecycle_stage = 'active' AND "
                "NOT EXISTS (SELECT 1 FROM latest_metrics m WHERE m.run_uuid = r.run_uuid AND "
                "m.key LIKE ?)"
            )
            if base.execute(query, (run_id, f"{PREFIX}%")).fetchone():
                for table, given in (("metrics", rows), ("latest_metrics", [*latest.values()])):
                    insert = f"INSERT INTO {table} {columns} VALUES (?, ?, ?, ?, ?, ?)"
                    base.executemany(insert, given)
            base.execute("COMMIT")
        except BaseException:
            base.execute("ROLLBACK")
            raise


def _on_server(tracking_uri: str, run_id: str, logged: Sequence[Mapping[str, Any]]) -> None:
    import httpx

    base = f"{tracking_uri.rstrip('/')}/api/2.0/mlflow"
    with httpx.Client(base_url=base, timeout=TIMEOUT, **login()) as http:
        got = http.get("/runs/get", params={"run_id": run_id}).raise_for_status().json()
        there = got["run"].get("data", {}).get("metrics", ())
        if any(one["key"].startswith(PREFIX) for one in there):
            return
        for start in range(0, len(logged), A_BATCH):
            body = {"run_id": run_id, "metrics": logged[start : start + A_BATCH]}
            http.post("/runs/log-batch", json=body).raise_for_status()
