"""What the services of the local stack are started with."""

from nightloom.deployments.services import Addresses, mlflow_server, prefect_server, worker
from nightloom.home import Home

URL = "PREFECT_API_DATABASE_CONNECTION_URL"


def test_the_database_is_known_to_prefects_server_alone(tmp_path, monkeypatch):
    """Flow runs inherit what the worker has, and may be told of in logs."""
    monkeypatch.setenv(URL, "postgresql+asyncpg://prefect:secret@127.0.0.1/prefect")
    home, at = Home(tmp_path), Addresses(4200, 5000)
    server = prefect_server(home, at)
    assert server.environment[URL].endswith("@127.0.0.1/prefect")
    for service in (server, mlflow_server(home, at), worker(home, at, pool="one", name="two")):
        assert "secret" not in " ".join(service.command)
        if service is not server:
            assert "secret" not in " ".join(service.environment.values())


def test_the_server_knows_its_ui_for_links_unless_told_another_one(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_UI_URL", raising=False)
    home, at = Home(tmp_path), Addresses(4200, 5000)
    assert prefect_server(home, at).environment["PREFECT_UI_URL"] == at.prefect
    monkeypatch.setenv("PREFECT_UI_URL", "https://prefect.example.org")
    assert prefect_server(home, at).environment["PREFECT_UI_URL"] == "https://prefect.example.org"
