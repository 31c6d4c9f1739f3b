"""What runs on this machine is asked without a proxy, everything else as the environment says."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from nightloom.deployments.services import answers
from nightloom.proxies import is_behind_proxy, spare_this_machine
from tests.ports import free_port


class Listing(BaseHTTPRequestHandler):
    """Answers every request."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *said: object) -> None:
        """Nothing."""


NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *(one.upper() for one in NAMES)):
        monkeypatch.setenv(name, "")  # put back at the end, whatever a test sets
        monkeypatch.delenv(name)


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy at which nobody listens."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")


@pytest.mark.usefixtures("dead")
def test_a_server_here_answers_beside_a_dead_proxy() -> None:
    with HTTPServer(("127.0.0.1", 0), Listing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        assert answers(url)  # and from now on every client asks it itself
        assert httpx.get(url).status_code == 200
        server.shutdown()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"no_proxy": "example.org"}, {"no_proxy": "example.org"}),
        ({"http_proxy": ""}, {"http_proxy": ""}),
        ({"https_proxy": "p"}, dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")),
        ({"ALL_PROXY": "p", "NO_PROXY": "a, 127.0.0.1"}, {"NO_PROXY": "a,127.0.0.1,localhost"}),
        ({"http_proxy": "p", "no_proxy": "*"}, {"no_proxy": "*"}),
        ({"http_proxy": "p", "no_proxy": "a", "NO_PROXY": "b"},
         {"no_proxy": "a,127.0.0.1,localhost", "NO_PROXY": "b,127.0.0.1,localhost"}),
    ],
    ids=str,
)  # fmt: skip
def test_this_machine_is_added_where_there_is_a_proxy(given: dict, expected: dict) -> None:
    spare_this_machine(environment := dict(given))
    spare_this_machine(environment)
    assert environment == given | expected


def test_other_machines_are_asked_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_behind_proxy("http", "prefect.example.org")
    monkeypatch.setenv("all_proxy", "http://proxy.example.org:3128")
    spare_this_machine()
    assert is_behind_proxy("http", "prefect.example.org")
    assert is_behind_proxy("https", "prefect.example.org")
    assert not is_behind_proxy("http", "127.0.0.1")
