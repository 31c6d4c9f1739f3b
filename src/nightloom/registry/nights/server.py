"""Records of nights on an MLflow server, through its REST API: importing MLflow takes seconds."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nightloom.registry.nights.record import (
    EXPERIMENT,
    KEPT,
    MODEL_TAG,
    NIGHT_TAG,
    RECORD_TAG,
    NightRecord,
    write_night,
)
from nightloom.registry.server import PAGE, TIMEOUT, login


def keep_on_server(tracking_uri: str, records: Sequence[NightRecord]) -> None:
    """Keep a night's records, then remove earlier ones of it and what is too old."""
    with _http(tracking_uri) as http:
        server = _Server(http, make=True)
        old = int((time.time() - KEPT) * 1000)
        gone = [
            *server.search(f"attributes.start_time < {old}"),
            *server.search(f"tags.`{NIGHT_TAG}` = '{records[0].night}'"),
        ]
        write_night(server, records)
        for run in gone:
            server.post("runs/delete", run_id=run["info"]["run_id"])


def texts_on_server(tracking_uri: str, model: str | None) -> Iterator[str]:
    """The records of one model or all, as they were written."""
    only = f"tags.`{MODEL_TAG}` = '{model}'" if model else f"tags.`{MODEL_TAG}` != ''"
    with _http(tracking_uri) as http:
        for run in _Server(http).search(only):
            tags = {one["key"]: one["value"] for one in run["data"].get("tags", ())}
            if RECORD_TAG in tags:
                yield tags[RECORD_TAG]


class _Server:
    """MLflow's REST API, as far as runs need it."""

    def __init__(self, http: Any, *, make: bool = False) -> None:
        self._http = http
        self._number = self._experiment(make=make)

    def post(self, path: str, **body: Any) -> Any:
        """What the server answers."""
        return self._http.post(f"/{path}", json=body).raise_for_status().json()

    def _experiment(self, *, make: bool) -> str | None:
        got = self._http.get("/experiments/get-by-name", params={"experiment_name": EXPERIMENT})
        if got.status_code == 404:
            made = self.post("experiments/create", name=EXPERIMENT) if make else {}
            return made.get("experiment_id")
        found = got.raise_for_status().json()["experiment"]
        if make and found["lifecycle_stage"] == "deleted":
            self.post("experiments/restore", experiment_id=found["experiment_id"])
        return str(found["experiment_id"])

    def search(self, query: str) -> Iterator[Any]:
        """The runs that a filter finds."""
        if self._number is None:
            return
        body: dict[str, Any] = {"experiment_ids": [self._number], "filter": query}
        body["max_results"] = PAGE
        while True:
            found = self.post("runs/search", **body)
            yield from found.get("runs", ())
            if not found.get("next_page_token"):
                return
            body["page_token"] = found["next_page_token"]

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
        begun = int(when * 1000)
        made = self.post(
            "runs/create",
            experiment_id=self._number,
            run_name=name,
            start_time=begun,
            tags=[{"key": key, "value": value} for key, value in tags.items()],
        )
        run = str(made["run"]["info"]["run_id"])
        metrics = [
            {"key": key, "value": float(value), "timestamp": begun, "step": 0}
            for key, value in numbers.items()
        ]
        texts = [{"key": key, "value": value} for key, value in params.items()]
        self.post("runs/log-batch", run_id=run, metrics=metrics, params=texts)
        end = begun + int(seconds * 1000)
        self.post("runs/update", run_id=run, status="FINISHED", end_time=end)
        return run


def _http(tracking_uri: str) -> Any:
    import httpx

    base = f"{tracking_uri.rstrip('/')}/api/2.0/mlflow"
    return httpx.Client(base_url=base, timeout=TIMEOUT, **login())
