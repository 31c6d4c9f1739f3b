"""A Prefect server that does not answer is named, and who named it."""

import httpx
import pytest

from nightloom.deployments.refusals import is_silence, silent

URL = "http://127.0.0.1:9/api"


def asked(url: str) -> httpx.HTTPError:
    try:
        httpx.get(url, trust_env=False)
    except httpx.HTTPError as error:
        return error
    raise AssertionError(f"{url} answers")


def test_only_the_server_itself_is_silent() -> None:
    assert is_silence(asked(f"{URL}/flow_runs"), f"{URL}/")
    assert not is_silence(asked("http://127.0.0.1:9/other"), URL)
    assert not is_silence(httpx.ConnectError("of nothing known"), URL)
    assert not is_silence(OSError(), URL)


def test_it_says_who_named_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", URL)
    assert "start it, or unset PREFECT_API_URL to run without one" in str(silent(URL))
    monkeypatch.delenv("PREFECT_API_URL")
    assert "out of Prefect's profile or the prefect.toml that names it" in str(silent(URL))
