"""Where a database is and who logs in: in the environment, never in settings."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightloom.downloads.addresses import Address
from nightloom.errors import InputError

VARIABLE = "NIGHTLOOM_SQL_"
"""What the variables of the environment begin with that hold the URL of a database."""
_NAME = re.compile(r"[A-Za-z][\w-]*")


def name_of(source: str) -> str | None:
    """The name that `sql:NAME` gives a database; None where it holds the URL itself."""
    name = source.removeprefix("sql:")
    return name if _NAME.fullmatch(name) else None


def variable_of(name: str) -> str:
    """The variable of the environment that holds the URL of a database."""
    return VARIABLE + re.sub(r"\W", "_", name).upper()


def database_address(source: str) -> Address:
    """Where the database of a source is; what is secret in it is not shown.

    Raises InputError for a name that nobody knows, and for what is no URL.
    """
    name = name_of(source)
    if name is None:
        return Address(source.removeprefix("sql:"))
    variable = variable_of(name)
    if not os.environ.get(variable):
        raise InputError(
            f"data.source={source}: no database is called {name}; set {variable} in the "
            "environment to its URL (postgresql+psycopg://USER:PASSWORD@HOST/DATABASE), or make a "
            f"Prefect block {name} (Secret with the URL, or SQLAlchemy)"
        )
    return Address(f"${{{variable}}}")


def url_of_block(data: Mapping[str, Any]) -> str | None:
    """The URL that the data of a Prefect block hold: of a Secret, or of one for SQLAlchemy."""
    held = data.get("value", data.get("connection_info"))
    if isinstance(held, str):
        return held
    if not isinstance(held, Mapping):
        return None
    if isinstance(held.get("value"), str):
        return str(held["value"])
    from sqlalchemy import URL

    fields = ("username", "password", "host", "port", "database")
    known = {name: held[name] for name in fields if held.get(name) is not None}
    driver = held.get("driver")
    return URL.create(str(driver), **known, query=held.get("query") or {}).render_as_string(
        hide_password=False
    )


def missing_file(url: Any) -> str:
    """The file of a SQLite URL that is not there, which connecting would make; else empty."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return ""
    return "" if Path(url.database).expanduser().is_file() else str(url.database)
