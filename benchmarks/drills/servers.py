"""Servers that go away: Prefect's during a run, MLflow's at registration.

The trained model is never lost: the rerun registers it without training again.
"""

import time

from benchmarks.drills.command import Drill, Outcome
from benchmarks.drills.prefect_server import PrefectServer

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


def mlflow_gone(drill: Drill) -> Outcome:
    """No MLflow server at registration: a clear failure, nothing lost; then the local store."""
    home = drill.home("mlflow-gone")
    ran = drill.run(home, env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    clear = ran.is_clear_failure and "MLflow" in ran.err
    if not clear:
        print(f"MLflow gone: exit {ran.code}\n{ran.err[-2000:]}", flush=True)
    again = drill.run(home)
    right = clear and drill.same(again, "after MLflow") and again.built == ["register"]
    drill.forget(home)
    return Outcome("no MLflow server: one line, the rerun registers alone", int(right), 1)
