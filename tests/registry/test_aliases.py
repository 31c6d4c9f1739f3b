"""The reader without MLflow gives MLflow's own answers, for SQLite and for a server."""

import base64
import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nightloom.errors import InputError, LoginError, RunError
from nightloom.gate.judging import Verdict
from nightloom.registry import aliases
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.names import resolve_model
from nightloom.registry.nights.experiment import nights_of
from nightloom.registry.store import open_client
from nightloom.registry.versions import DECISION_TAG, version_of
from tests.registry.conftest import CARD

VERDICT = Verdict(decision="promoted", reason="fine", metric="accuracy", value=0.875)


@pytest.fixture(scope="module")
def in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    root = tmp_path_factory.mktemp("aliases")
    return fill(Registry(f"sqlite:///{root / 'mlflow.db'}", root / "mlartifacts"), root / "model")


@pytest.fixture(scope="module")
def on_server(server: str, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    root = tmp_path_factory.mktemp("aliases-server")
    return fill(Registry(server, root / "files"), root / "model")


@pytest.fixture(params=["in_sqlite", "on_server"])
def filled(request: pytest.FixtureRequest) -> Registry:
    """One registry of each kind, filled once: in another order of the tests pytest would make a
    fixture with parameters anew."""
    registry: Registry = request.getfixturevalue(request.param)
    return registry


def fill(registry: Registry, model: Path) -> Registry:
    """Versions 1 to 4 of `nightly`, the third deleted; one of `lonely`, without an alias."""
    model.mkdir()
    (model / "saved_model.pb").write_bytes(b"graph")
    for name, digest in [("nightly", f"d{i}") for i in range(1, 5)] + [("lonely", "d1")]:
        made = registry.register(name, model_digest=digest, saved_model_dir=model, card=CARD)
        if digest == "d2":
            registry.set_decision(made, VERDICT)
    registry.set_alias("nightly", "shadow", 2)
    registry.set_alias("nightly", "challenger", 4)
    registry._client.delete_model_version("nightly", "3")
    return registry


def test_the_reader_agrees_with_mlflow(filled: Registry):
    uri = filled.tracking_uri
    theirs = [version_of(one) for one in filled._client.search_model_versions("name = 'nightly'")]
    theirs.sort(key=lambda one: -one.version)
    ours = aliases.list_models(uri)["nightly"]
    assert [one.version for one in ours] == [one.version for one in theirs] == [4, 2, 1]
    for mine, other in zip(ours, theirs, strict=True):
        alone = filled._client.get_model_version("nightly", str(mine.version))
        assert list(mine.aliases) == sorted(alone.aliases)
        assert mine.created == other.created
        assert mine.run_id == other.run_id
        assert mine.source == other.source
        assert dict(mine.tags) == dict(other.tags)
        assert mine.model_digest == other.model_digest


def test_aliases_and_decision(filled: Registry):
    uri = filled.tracking_uri
    found = aliases.read_version(uri, "nightly", 2)
    assert found.aliases == ("champion", "shadow")
    assert found.model_digest == "d2"
    assert found.decision == "promoted"
    assert found.metric == ("accuracy", 0.875)
    assert aliases.read_version(uri, "nightly", 4).aliases == ("challenger",)
    assert aliases.read_version(uri, "nightly", 4).metric is None
    assert aliases.read_version(uri, "nightly", 3) is None
    assert aliases.read_version(uri, "nightly", 9) is None
    assert aliases.read_version(uri, "none", 1) is None
    models = aliases.list_models(uri)
    assert [one.version for one in models["nightly"]] == [4, 2, 1]
    assert [one.version for one in models["lonely"]] == [1]


def test_names_stand_for_versions(filled: Registry):
    uri = filled.tracking_uri
    assert resolve_model(uri, "nightly").version.version == 2
    assert resolve_model(uri, "nightly@challenger").version.version == 4
    assert resolve_model(uri, "nightly/1").version.version == 1
    lonely = resolve_model(uri, "lonely")
    assert lonely.version.version == 1
    assert "no champion" in lonely.note
    for text, message in {
        "nightli": "did you mean 'nightly'",
        "nightly@champoin": "did you mean 'champion'",
        "nightly/3": "nightly/4, nightly/2, nightly/1",
        "lonely@champion": "no champion.*lonely/1, or.*`nightloom promote lonely/1 --why REASON`",
    }.items():
        with pytest.raises(InputError, match=message):
            resolve_model(uri, text)


def test_a_first_champion_that_a_person_made_in_mlflow_is_noticed(filled: Registry):
    uri, client = filled.tracking_uri, filled._client
    filled.set_alias("lonely", "champion", 1)
    assert "lonely" not in aliases.changed_by_hand(uri), "an earlier release may have made it"
    client.set_model_version_tag("lonely", "1", DECISION_TAG, "challenger")
    try:
        assert aliases.changed_by_hand(uri) == {"lonely": (None, 1)}
        [first] = filled.title("lonely").history()
        assert (first.old, first.new, first.by) == (None, 1, "outside nightloom")
        assert aliases.changed_by_hand(uri) == {}
    finally:
        client.delete_registered_model_alias("lonely", "champion")
        client.delete_model_version_tag("lonely", "1", DECISION_TAG)
        client.delete_registered_model_tag("lonely", first.tag)


def test_a_store_that_is_not_there_holds_no_models(tmp_path: Path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert aliases.list_models(uri) == {}
    assert aliases.read_version(uri, "a", 1) is None
    with pytest.raises(InputError, match="none is registered yet"):
        resolve_model(uri, "nightly")
    assert not (tmp_path / "mlflow.db").exists()


def test_what_is_no_store_is_named(tmp_path: Path):
    (tmp_path / "mlflow.db").write_bytes(b"no database, whatever its name may say it is")
    with pytest.raises(RunError, match="mlflow.db"):
        aliases.list_models(f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(RunError, match="http://127.0.0.1:9.*start it"):
        aliases.list_models("http://127.0.0.1:9")
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        aliases.list_models("mlruns")


class Guarded(http.server.BaseHTTPRequestHandler):
    """Answers those who know the password, and remembers nobody."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") in ("Bearer word", "Basic bWU6d29yZA==")
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b"{}" if known else b"who are you?")

    def log_message(self, *_: object) -> None:
        pass


def test_credentials_are_those_of_mlflow(monkeypatch):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as guarded:
        threading.Thread(target=guarded.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{guarded.server_port}"
        with pytest.raises(RunError, match="answered 401: who are you"):
            aliases.list_models(uri)
        for kept_or_read in (
            lambda: nights_of(uri),
            lambda: open_client(uri),
        ):
            with pytest.raises(InputError, match="MLFLOW_TRACKING_USERNAME .* is not set: .* 401"):
                kept_or_read()
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "other")
        with pytest.raises(InputError, match="MLFLOW_TRACKING_TOKEN, which it refuses"):
            aliases.list_models(uri)
        assert aliases.file_url(uri, "run", "a.png") is None, "no page shows it"
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "word")
        assert aliases.list_models(uri) == {}
        monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "word")
        assert aliases.list_models(uri) == {}
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another")
        with pytest.raises(InputError, match="MLFLOW_TRACKING_PASSWORD, which it refuses") as told:
            aliases.list_models(uri)
        assert "another" not in str(told.value)
        guarded.shutdown()


class Halved(http.server.BaseHTTPRequestHandler):
    """As MLflow 3.17 with passwords: reads a login as ASCII where files are asked for."""

    def do_GET(self) -> None:
        login = base64.b64decode((self.headers["Authorization"] or "").removeprefix("Basic "))
        is_file = "/mlflow-artifacts/artifacts/" in self.path
        known = login in (b"me:word", "me:wört".encode()) and (login.isascii() or not is_file)
        self.send_response((404 if is_file else 200) if known else 401)
        self.end_headers()
        self.wfile.write(b"{}" if known else b"who are you?")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("wört", "ASCII characters alone in MLFLOW_TRACKING_PASSWORD: the MLflow server at http"),
        ("w\udcf6rt", "ASCII characters alone in MLFLOW_TRACKING_PASSWORD"),
        ("wärt", "MLFLOW_TRACKING_PASSWORD, which it refuses"),
    ],
    ids=["of its user", "no text", "wrong"],
)
def test_a_login_with_which_no_files_are_taken_is_refused_at_once(monkeypatch, password, told):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Halved) as halved:
        threading.Thread(target=halved.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{halved.server_port}"
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        with pytest.raises(LoginError, match=told) as caught:
            aliases.list_models(uri)
        assert password not in str(caught.value)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "word")
        assert aliases.list_models(uri) == {}
        halved.shutdown()


def test_urls_of_a_server():
    assert aliases.model_url("http://host:5000/", "a b", 3) == (
        "http://host:5000/#/models/a%20b/versions/3"
    )
    assert aliases.model_url("sqlite:///x", "a", 1) is None
    assert aliases.file_url("sqlite:///x", "r", "p") is None


def test_a_picture_is_served_under_its_url(server: str, folder: Path, tmp_path: Path):
    import urllib.request

    plot = tmp_path / "plot.png"
    plot.write_bytes(b"\x89PNG")
    made = Registry(server, tmp_path).register(
        "pictured", model_digest="d", saved_model_dir=folder, card=CARD,
        files={"plots/confusion matrix.png": plot},
    )  # fmt: skip
    url = aliases.file_url(server, made.run_id, "plots/confusion matrix.png")
    assert urllib.request.urlopen(url).read() == b"\x89PNG"


def test_reading_imports_neither_mlflow_nor_pandas(registry: Registry):
    program = (
        "import sys; from nightloom.registry import aliases, names\n"
        f"aliases.list_models({registry.tracking_uri!r})\n"
        "print([m for m in ('mlflow', 'pandas', 'numpy', 'sqlalchemy') if m in sys.modules])"
    )
    run = [sys.executable, "-c", program]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "[]\n"
