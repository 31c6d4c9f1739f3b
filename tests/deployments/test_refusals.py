"""A Prefect server that does not answer is named, and who named it."""

import httpx
import pytest
from prefect.settings.models.api import APISettings
from pydantic import ValidationError

from nightloom.cli.main import _wrong_for_prefect
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


def test_a_setting_that_prefect_does_not_take_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_REQUEST_TIMEOUT", "soon")
    with pytest.raises(ValidationError) as refused:
        APISettings()
    told = str(_wrong_for_prefect(refused.value))
    assert told.startswith(
        "expected settings that Prefect takes, got 'soon' as api.request_timeout"
    )
    assert _wrong_for_prefect(ValueError()) is None
