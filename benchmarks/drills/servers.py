"""Servers that go away: Prefect's during a run, MLflow's at registration.

The trained model is never lost: the rerun registers it without training again.
"""

import json
import time
from pathlib import Path

import httpx

from benchmarks.drills.command import Drill, Outcome, Ran
from benchmarks.drills.prefect_server import PrefectServer

PASSWORD = "hush4711"
OUTAGE = 30.0
"""Seconds; the servers of the short version are away for less."""


def drill(drill: Drill, *, outage: float = OUTAGE) -> list[Outcome]:
    """Each once."""
    return [prefect_gone(drill, outage=outage), mlflow_gone(drill)]


def prefect_gone(drill: Drill, *, outage: float) -> Outcome:
    """Prefect's server is killed while a model trains, and comes back; the run goes on.

    A run that ended in one line instead, and went on from there when it was run again, is counted
    in the note.
    """
    _ = drill.calm
    home = drill.home("prefect-gone")
    with PrefectServer(drill.home("prefect-that-goes")) as server:
        run = drill.start(
            home, "train.checkpoint_seconds=0", env={"PREFECT_API_URL": server.api_url}
        )
        while not list(home.glob("checkpoints/*/latest.json")) and run.poll() is None:
            time.sleep(0.02)
        server.stop()
        time.sleep(outage)
        server.start()
        ran = drill.finish(run)
        note = "" if ran.code == 0 else "failed in a line; the rerun went on"
        if ran.code and ran.is_clear_failure:
            ran = drill.run(home, env={"PREFECT_API_URL": server.api_url})
    right = drill.same(ran, "Prefect gone")
    drill.forget(home)
    return Outcome(f"Prefect's server gone for {outage:.0f} s in training", int(right), 1, note)


def mlflow_gone(drill: Drill, *, retries: int = 3) -> Outcome:
    """No MLflow server at registration: a clear failure, nothing lost; then the local store.

    retries: of MLflow's client, which waits 2, 4, 8 s and so on in between.
    """
    home = drill.home("mlflow-gone")
    gone = {"MLFLOW_TRACKING_URI": f"http://user:{PASSWORD}@127.0.0.1:9", "HF_TOKEN": PASSWORD}
    ran = drill.run(home, env={**gone, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries)})
    clear = ran.is_clear_failure and "MLflow" in ran.err
    clear = clear and not _says(PASSWORD, home, ran) and PASSWORD not in _logged(drill)
    if not clear:
        print(f"MLflow gone: exit {ran.code}\n{ran.err[-2000:]}", flush=True)
    again = drill.run(home)
    right = clear and drill.same(again, "after MLflow") and again.built == ["register"]
    drill.forget(home)
    return Outcome("no MLflow server: one line, the rerun registers alone", int(right), 1)


def _says(secret: str, home: Path, ran: Ran) -> bool:
    """Whether a secret stands in what a run said, or in any file of its home."""
    files = [path for path in home.rglob("*") if path.is_file()]
    wrote = [path for path in files if secret.encode() in path.read_bytes()]
    for path in wrote:
        print(f"a secret stands in {path.relative_to(home)}", flush=True)
    return bool(wrote) or secret in ran.err or secret in json.dumps(ran.report)


def _logged(drill: Drill) -> str:
    """What Prefect's server was told last: logs, runs with their parameters, artifacts."""
    url = drill.environment["PREFECT_API_URL"]
    asked = {"logs": "TIMESTAMP_DESC", "flow_runs": "START_TIME_DESC", "artifacts": "UPDATED_DESC"}
    answers = [
        httpx.post(f"{url}/{what}/filter", json={"limit": 100, "sort": order})
        for what, order in asked.items()
    ]
    return "".join(answer.raise_for_status().text for answer in answers)
