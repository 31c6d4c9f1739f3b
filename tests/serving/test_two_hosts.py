"""A model is loaded on a machine that sees neither nightloom nor the home, and answers the same:
through a proxy with TLS, from a server that asks for a password."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from nightloom.deployments import passwords
from nightloom.deployments.services import Addresses, mlflow_server
from nightloom.home import Home
from nightloom.registry.files.moving import settle
from tests.hosts import hosts, why_none
from tests.proxy import write_certificate
from tests.serving.registered import Registered

TEXTS = ["the cat sat", "not the dog", "red and blue , home"]
PORT = 5000
PASSWORD = "only for this test"

PROGRAM = """
import json, os, pathlib, sys, time, urllib.error, urllib.request
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
try:
    urllib.request.urlopen(f"{server}/api/2.0/mlflow/registered-models/search?max_results=1")
    refused = 0
except urllib.error.HTTPError as error:
    refused = error.code
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
    "refused": refused,
    "answers": answers.to_dict("records"),
    "uri": run.info.artifact_uri,
    "note": mlflow.artifacts.load_text(f"{notes}/one.txt"),
    "as it is": mlflow.artifacts.load_dict(f"{notes}/two.json"),
    "listed": [one.path for one in client.list_artifacts(run.info.run_id, "notes")],
    "source": [made.source, *(one.source for one in back)],
}, sys.stdout)
"""


@pytest.fixture
def home(registered: Registered, tmp_path: Path) -> Path:
    """A home of its own, moved from where its versions were made."""
    return shutil.copytree(registered.home, tmp_path / "a home")


@pytest.mark.skipif(bool(why_none()), reason=f"no two hosts here: {why_none()}")
def test_a_host_without_the_files_loads_the_champion(
    registered: Registered, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settle(Home(home))
    monkeypatch.setenv(passwords.MLFLOW_SERVER, PASSWORD)
    passwords.check(Home(home))
    service = mlflow_server(Home(home), Addresses(4200, PORT))
    login = {passwords.MLFLOW_USER: "admin", passwords.MLFLOW_PASSWORD: PASSWORD}
    assert passwords.of_clients() == login
    assert PASSWORD not in " ".join(service.command)
    with hosts(2, home) as (server, client):
        certificate, key = write_certificate(tmp_path, server.address)
        running = [
            server.start(
                *service.command, environment=service.environment, log=tmp_path / "mlflow.log"
            ),
            server.start(
                *(sys.executable, str(Path(__file__).parents[1] / "proxy.py")),
                *(server.address, "8443", str(PORT), str(certificate), str(key)),
            ),
        ]
        address = f"https://{server.address}:8443"
        trusted = {"SSL_CERT_FILE": str(certificate), "REQUESTS_CA_BUNDLE": str(certificate)}
        try:
            out = client.run(
                *(sys.executable, "-c", PROGRAM, address, str(home), json.dumps(TEXTS)),
                environment={**registered.environment, **login, **trusted},
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
    [note] = home.glob("mlartifacts/*/*/artifacts/notes/one.txt")
    assert note.read_text() == "a note"
    assert told["refused"] == 401
    for file in (path for path in home.rglob("*") if path.is_file()):
        assert PASSWORD.encode() not in file.read_bytes(), file
    assert PASSWORD not in (tmp_path / "mlflow.log").read_text()
