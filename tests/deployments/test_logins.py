"""The login of a database in a Prefect block: read where a run is, held by no setting."""

import os

import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient

from nightloom.data.sources.logins import variable_of
from nightloom.tasks.runtime.logins import provide_login

NAME = "night-tickets"


def test_a_secret_gives_the_url_of_a_database(
    client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = variable_of(NAME)
    monkeypatch.setenv(variable, "sqlite:///own.db")
    provide_login(f"sql:{NAME}")
    assert os.environ[variable] == "sqlite:///own.db", "the operator's own goes before"
    monkeypatch.delenv(variable)
    provide_login(f"sql:{NAME}")
    provide_login("hf:some/rows")
    assert variable not in os.environ
    for url in ("sqlite:///first.db", "sqlite:///second.db"):
        Secret(value=url).save(NAME, overwrite=True)
        provide_login(f"sql:{NAME}")
        assert os.environ[variable] == url
