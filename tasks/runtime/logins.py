"""Logins that Prefect's blocks hold, put where the library looks for them: in the environment.

So they reach the worker's child, and are in no setting, key or log.
"""

import os
from collections.abc import Callable
from typing import Any

_PROVIDED: set[str] = set()
"""Variables that were set here: a block that changed is read anew."""
_KINDS = ("secret", "sqlalchemy-connector", "database-credentials")


def provide_login(source: str) -> None:
    """Set the variable for `sql:NAME` from the Prefect block NAME, where the operator did not."""
    if not source.startswith("sql:"):
        return
    from nightloom.data.sources.logins import name_of, url_of_block, variable_of

    name = name_of(source)
    variable = variable_of(name) if name else ""
    if not name or (variable in os.environ and variable not in _PROVIDED):
        return
    url = _block(name, url_of_block)
    if url:
        os.environ[variable] = url
        _PROVIDED.add(variable)


def _block(name: str, url_of_block: Callable[[dict[str, Any]], str | None]) -> str | None:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        for kind in _KINDS:
            try:
                block = client.read_block_document_by_name(
                    name=name.lower().replace("_", "-"), block_type_slug=kind, include_secrets=True
                )
            except ObjectNotFound:
                continue
            return url_of_block(block.data)
    return None
