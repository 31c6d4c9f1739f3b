"""A model is loaded on a machine that sees neither nightloom nor the home, and answers the same."""

import json
import sys
from pathlib import Path

import pytest

from nightloom.deployments.services import Addresses, mlflow_server
from nightloom.home import Home
from tests.hosts import two_hosts, why_none
from tests.serving.registered import Registered

TEXTS = ["the cat sat", "not the dog", "red and blue , home"]
PORT = 5000

PROGRAM = """
import json, pathlib, sys, time, urllib.request
server, home, texts = sys.argv[1], pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])
for _ in range(600):
    try:
        urllib.request.urlopen(f"{server}/health")
        break
    except OSError:
        time.sleep(0.2)
assert home.is_dir() and not list(home.iterdir()), "the home is not to be seen here"
import mlflow, pandas
mlflow.set_tracking_uri(server)
client = mlflow.MlflowClient()
client.set_registered_model_alias("classes", "champion", "1")
model = mlflow.pyfunc.load_model("models:/classes@champion")
answers = model.predict(pandas.DataFrame({"text": texts}))

mlflow.set_experiment("from afar")
with mlflow.start_run() as run:
    mlflow.log_text("a note", "notes/one.txt")
    mlflow.log_text(json.dumps({"source": "mlflow-artifacts:/as/it/is"}), "notes/two.json")
notes = run.info.artifact_uri + "/notes"
made = client.create_registered_model("notes") and client.create_model_version(
    "notes", notes, run_id=run.info.run_id
)
back = client.search_model_versions(f"source_path = '{notes}'")
json.dump({
    "answers": answers.to_dict("records"),
    "uri": run.info.artifact_uri,
    "note": mlflow.artifacts.load_text(f"{notes}/one.txt"),
    "as it is": mlflow.artifacts.load_dict(f"{notes}/two.json"),
    "listed": [one.path for one in client.list_artifacts(run.info.run_id, "notes")],
    "source": [made.source, *(one.source for one in back)],
}, sys.stdout)
"""


@pytest.mark.skipif(bool(why_none()), reason=f"no two hosts here: {why_none()}")
def test_a_host_without_the_files_loads_the_champion(registered: Registered, tmp_path: Path):
    service = mlflow_server(Home(registered.home), Addresses(4200, PORT))
    with two_hosts(registered.home) as (server, client):
        log = tmp_path / "mlflow.log"
        running = [
            server.start(*service.command, environment=service.environment, log=log),
            server.start(
                *(sys.executable, str(Path(__file__).parents[1] / "proxy.py")),
                *(server.address, "8080", str(PORT)),
            ),
        ]
        address = f"http://{server.address}:8080"
        try:
            out = client.run(
                *(sys.executable, "-c", PROGRAM, address, str(registered.home), json.dumps(TEXTS)),
                environment=registered.environment,
            )
        finally:
            for one in running:
                one.terminate()
                one.wait()
    told = json.loads(out)
    here = registered.predicted("classes", TEXTS)
    assert [one["label"] for one in told["answers"]] == [one["label"] for one in here]
    for answer, expected in zip(told["answers"], here, strict=True):
        wanted = max(expected["probabilities"].values())
        assert answer["probability"] == pytest.approx(wanted, abs=1e-6)
    assert told["uri"].startswith("mlflow-artifacts:/")
    assert told["note"] == "a note"
    assert told["as it is"] == {"source": "mlflow-artifacts:/as/it/is"}
    assert told["listed"] == ["notes/one.txt", "notes/two.json"]
    assert told["source"] == [f"{told['uri']}/notes"] * 2
    [note] = registered.home.glob("mlartifacts/*/*/artifacts/notes/one.txt")
    assert note.read_text() == "a note"
