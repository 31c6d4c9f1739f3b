"""A run waits for Prefect's server where nobody listens at its address."""

import socket
import threading

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from nightloom.tasks.runtime.observer import LogObserver
from nightloom.tasks.runtime.patience import wait_for_server
from tests.ports import free_port


class Said(LogObserver):
    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture
def port() -> int:
    return free_port()


def test_it_waits_until_somebody_listens(port: int) -> None:
    said = Said()

    def come_back() -> None:
        with socket.create_server(("127.0.0.1", port)) as server:
            server.accept()[0].close()

    late = threading.Timer(1.5, come_back)
    late.start()
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
        assert wait_for_server(said, seconds=60)
    late.join()
    assert len(said.warnings) == 1


def test_patience_ends(port: int) -> None:
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
        assert not wait_for_server(Said(), seconds=0.0)


def test_an_ephemeral_server_is_not_waited_for() -> None:
    said = Said()
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert wait_for_server(said)
    assert said.warnings == []
