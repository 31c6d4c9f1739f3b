"""Which process gets which password, and what is refused before anything is started."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from nightloom.deployments import passwords, services
from nightloom.deployments.services import Addresses
from nightloom.errors import InputError
from nightloom.front.running import _told
from nightloom.home import Home

PREFECT, MLFLOW = "night:hush hush 1", "hush hush hush 2"
AT = Addresses(4200, 5000)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    for name in (*passwords.OF_PREFECT, *passwords.OF_MLFLOW, *passwords.LOGIN_OF_MLFLOW):
        monkeypatch.delenv(name, raising=False)
    one = Home(tmp_path)
    one.create()
    return one


def started(home: Home) -> dict[str, services.Service]:
    every = (
        services.prefect_server(home, AT),
        services.mlflow_server(home, AT),
        services.worker(home, AT, pool="p", name="w"),
    )
    return {one.name: one for one in every}


def secrets_of(service: services.Service) -> set[str]:
    return {name for name, value in service.environment.items() if value in (PREFECT, MLFLOW)}


def test_without_passwords_no_server_asks(home):
    passwords.check(home)
    found = started(home)
    assert {name: secrets_of(one) for name, one in found.items()} == {
        "prefect": set(), "mlflow": set(), "worker": set()
    }  # fmt: skip
    assert passwords.of_clients() == {}
    assert passwords.prefect_header() == {}


def test_each_process_gets_its_own_password_and_the_worker_logs_in(home, monkeypatch):
    monkeypatch.setenv(passwords.PREFECT_SERVER, PREFECT)
    monkeypatch.setenv(passwords.MLFLOW_SERVER, MLFLOW)
    passwords.check(home)
    found = started(home)
    assert {name: secrets_of(one) for name, one in found.items()} == {
        "prefect": {passwords.PREFECT_SERVER},
        "mlflow": {passwords.MLFLOW_SERVER},
        "worker": {passwords.PREFECT_CLIENT, passwords.MLFLOW_PASSWORD},
    }
    assert found["worker"].environment[passwords.MLFLOW_USER] == "admin"
    said = [*(" ".join(one.command) for one in found.values())]
    said += [path.read_text() for path in home.root.glob("*") if path.is_file()]
    assert not [one for one in said if "hush" in one]


def test_a_client_s_own_login_goes_before(home, monkeypatch):
    own = {passwords.MLFLOW_USER: "worker", passwords.MLFLOW_PASSWORD: "its own"}
    for name, value in {passwords.MLFLOW_SERVER: MLFLOW, **own}.items():
        monkeypatch.setenv(name, value)
    worker = started(home)["worker"].environment
    assert {name: worker[name] for name in own} == own


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (passwords.PREFECT_SERVER, "no colon", "USER:PASSWORD in PREFECT_SERVER_API_AUTH_STRING"),
        (passwords.PREFECT_SERVER, "user:", "USER:PASSWORD in PREFECT_SERVER_API_AUTH_STRING"),
        (passwords.PREFECT_SERVER, "user:pässword", "ASCII .* PREFECT_SERVER_API_AUTH_STRING"),
        (passwords.MLFLOW_SERVER, "twelve letters, ä", "ASCII .* MLFLOW_AUTH_ADMIN_PASSWORD"),
        (passwords.MLFLOW_SERVER, "", "12 characters in MLFLOW_AUTH_ADMIN_PASSWORD, got 0"),
        (passwords.MLFLOW_SERVER, "elevensigns", "12 characters .*, got 11"),
    ],
)
def test_what_no_server_would_take_is_refused(home, monkeypatch, name, value, told):
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=told) as caught:
        passwords.check(home)
    assert not value or value not in str(caught.value)


def test_a_home_that_had_a_password_does_not_start_without(home, monkeypatch):
    monkeypatch.setenv(passwords.MLFLOW_SERVER, MLFLOW)
    services.mlflow_server(home, AT)
    monkeypatch.delenv(passwords.MLFLOW_SERVER)
    with pytest.raises(InputError, match=r"MLFLOW_AUTH_ADMIN_PASSWORD.*mlflow-users\.db"):
        passwords.check(home)


def test_a_worker_s_own_login_is_refused_with_the_server_s(home, monkeypatch):
    monkeypatch.setenv(passwords.PREFECT_CLIENT, "user:pässword")
    passwords.check(home)  # a server that asks for none takes any
    monkeypatch.setenv(passwords.PREFECT_SERVER, PREFECT)
    with pytest.raises(InputError, match="ASCII .* PREFECT_API_AUTH_STRING"):
        passwords.check(home)


class Asking(BaseHTTPRequestHandler):
    """Answers as a Prefect server does that asks for a login, or breaks down."""

    broken = False

    def do_GET(self) -> None:
        login = base64.b64decode((self.headers["Authorization"] or "").removeprefix("Basic "))
        breaks = self.broken or not login.isascii()
        self.send_response(500 if breaks else 200 if login.decode() == PREFECT else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def asking(*, broken: bool = False) -> Iterator[str]:
    handler = type("Handler", (Asking,), {"broken": broken})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("login", "broken", "said"),
    [
        ("night:hüsh", False, "expected ASCII characters alone in PREFECT_API_AUTH_STRING"),
        ("night:wrong", False, "in PREFECT_API_AUTH_STRING .*, which it refuses; correct it"),
        (None, False, "in PREFECT_API_AUTH_STRING .*, which is not set; set it"),
        ("night:hüsh", True, "500"),
        (PREFECT, True, "500"),
    ],
)
def test_what_a_server_does_not_take_of_a_client_is_one_line(login, broken, said):
    with asking(broken=broken) as url:
        updates = {PREFECT_API_URL: f"{url}/api", PREFECT_API_AUTH_STRING: login}
        with temporary_settings(updates=updates), get_client(sync_client=True) as client:
            for ask in (client.api_version, client.raise_for_api_version_mismatch):
                with pytest.raises(Exception) as caught:
                    ask()
                told = _told(caught.value)
                assert url in str(told) and "\n" not in str(told)
                assert isinstance(told, InputError) is not broken
                with pytest.raises(type(told), match=said):
                    raise told
