"""What the services of the local stack are started with."""

from nightloom.deployments.services import Addresses, mlflow_server, prefect_server, worker
from nightloom.home import Home

URL = "PREFECT_API_DATABASE_CONNECTION_URL"
NEWER = "PREFECT_SERVER_UI_V2_ENABLED"


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


def test_links_lead_to_the_ui_that_the_address_opens_unless_told_another(tmp_path, monkeypatch):
    for name in (NEWER, "PREFECT_UI_URL"):
        monkeypatch.delenv(name, raising=False)
    home, at = Home(tmp_path), Addresses(4200, 5000)

    def links() -> set[str]:
        both = (prefect_server(home, at), worker(home, at, pool="one", name="two"))
        return {one.environment["PREFECT_UI_URL"] for one in both}

    assert links() == {f"{at.prefect}/v2"}
    monkeypatch.setenv(NEWER, "False")
    assert links() == {at.prefect}
    monkeypatch.setenv("PREFECT_UI_URL", "")
    assert links() == {at.prefect}, "an empty one is none, to the server too"
    monkeypatch.setenv("PREFECT_UI_URL", "https://prefect.example.org")
    assert links() == {"https://prefect.example.org"}
