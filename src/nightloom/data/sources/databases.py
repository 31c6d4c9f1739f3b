"""Rows of a database: what `data.query` selects, read in batches, by SQLAlchemy."""

import contextlib
import datetime
import decimal
import hashlib
import json
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.data import ROWS_PER_BATCH
from nightloom.data.formats.known import ENDINGS
from nightloom.data.sources import fetched, states
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.logins import database_address, missing_file
from nightloom.data.sources.opened import Files
from nightloom.data.sources.states import State
from nightloom.downloads.retrying import Passing, retried
from nightloom.downloads.words import cleaned, one_line
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import DataSettings
from nightloom.settings.spelling import listed, quoted
from nightloom.sources import Source

if TYPE_CHECKING:
    from sqlalchemy import Connection

PREFIX = "sql:"
_DATABASE = "the database"
_ATTEMPTS = 2


def identity(settings: DataSettings) -> Mapping[str, Any]:
    """What the version query says; without one, the digest of the rows, which are fetched for it.

    Raises RunError for a database that does not answer where `data.offline=fail`, or where it never
    did; InputError for what is wrong with a query.
    """
    state = states.required(
        _state(settings), source=settings.source, what=_DATABASE, offline=settings.offline
    )
    return {"database": cleaned(settings.source), **state}


def told(settings: DataSettings) -> str:
    """That rows of an earlier state are used, where the database does not answer."""
    return states.told(_state(settings), source=settings.source, what=_DATABASE)


def accepts(settings: DataSettings) -> None:
    """Raises ValueError where nothing is selected."""
    if not (settings.query or "").strip():
        raise ValueError(
            f"data.source={settings.source} needs data.query, for example "
            "data.query='SELECT text, label FROM tickets'"
        )


def check(settings: DataSettings) -> None:
    """Raises InputError for a database that nobody knows, and for a driver that is missing."""
    _engine(settings).dispose()


def _key(settings: DataSettings) -> states.Key:
    return ("sql", settings.source, settings.query, settings.version_query, settings.task)


def _state(settings: DataSettings) -> State:
    return states.current(_key(settings), lambda: _asked(settings))


def _asked(settings: DataSettings) -> Mapping[str, Any]:
    if settings.version_query:
        with _connected(settings) as connection:
            return {"version": _version(connection, settings)}
    with fetched.somewhere() as folder:
        state = _fetch(settings, folder, SILENT)
        fetched.keep_if_home(folder, _key(settings), state)
    return state


def open_sql(settings: DataSettings, report: Report = SILENT) -> Files:
    """Read the rows into a file in the home, unless those that were last seen lie there."""
    key = _key(settings)
    known, _ = states.last_known(key)
    folder = fetched.find(key, known)
    if folder is None:
        with fetched.fetching() as new:
            try:
                known = _fetch(settings, new, report)
            except Passing as error:
                raise RunError(
                    f"{settings.source}: {_DATABASE} cannot be reached ({error}); check the "
                    "network, or run again later"
                ) from error
            folder = fetched.keep(new, key, known)
    [file] = folder.iterdir()
    found = look_into(str(file), ENDINGS[settings.task], settings.chosen_splits)
    database = cleaned(settings.source)
    return replace(
        found, identity={"database": database, **(known or {})}, facts={"database": database}
    )


def _fetch(settings: DataSettings, folder: Path, report: Report) -> dict[str, Any]:
    """Write what the query selects to `rows.jsonl`; return what identifies it."""
    digest, rows = hashlib.sha256(), 0
    with _connected(settings) as connection, (folder / "rows.jsonl").open("wb") as file:
        version = _version(connection, settings) if settings.version_query else ""
        for batch in _batches(connection, settings):
            text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in batch).encode()
            digest.update(text)
            file.write(text)
            rows += len(batch)
            report.progress(what=f"read {settings.source}", done=rows, total=None, unit="rows")
        if settings.version_query and version != _version(connection, settings):
            raise RunError(f"{settings.source} changed while it was read; run again")
    if not rows:
        raise InputError(f"data.query selects no row of {settings.source}; expected rows for train")
    if settings.version_query:
        return {"version": version}
    return {"rows": rows, "sha256": digest.hexdigest()}


def _batches(connection: "Connection", settings: DataSettings) -> Iterator[list[dict[str, Any]]]:
    result = connection.exec_driver_sql(settings.query or "")
    if not result.returns_rows:
        raise InputError("data.query gives no rows back; expected a SELECT")
    names = list(result.keys())
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"data.query selects {listed(twice)} twice; expected a name for each column"
        )
    number = 0
    for part in result.partitions(ROWS_PER_BATCH):
        batch = []
        for row in part:
            number += 1
            batch.append(
                {
                    name: _plain(value, f"{settings.source}: row {number}", name, settings.task)
                    for name, value in zip(names, row, strict=True)
                }
            )
        yield batch


def _plain(value: Any, place: str, column: str, task: str) -> Any:
    """A value as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _as_list(value) if task == "entities" else value
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(one, place, column, "") for one in value]
    raise InputError(
        f"{place}: {quoted(column, 40)} holds {type(value).__name__}; expected text or a number: "
        "cast it in data.query"
    )


def _as_list(value: str) -> Any:
    """Words or tags that are held as a text of JSON."""
    if value.startswith("["):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value


def _version(connection: "Connection", settings: DataSettings) -> str:
    """What the version query says: one row, of which all values count."""
    result = connection.exec_driver_sql(settings.version_query or "")
    rows = result.fetchmany(2) if result.returns_rows else []
    if len(rows) != 1:
        raise InputError(
            f"data.version_query gives {'no row' if not rows else 'several rows'}; expected one, "
            "for example SELECT max(changed), count(*) FROM tickets"
        )
    return ", ".join(str(value) for value in rows[0])


def _engine(settings: DataSettings) -> Any:
    from sqlalchemy import NullPool, create_engine, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    address = database_address(settings.source)
    try:
        url = make_url(address.url)
        engine = create_engine(url, poolclass=NullPool)
    except ModuleNotFoundError as error:
        raise InputError(
            f"data.source={settings.source}: its driver {error.name} is not installed; install it"
            f" (PostgreSQL: pip install 'nightloom[postgres]' and postgresql+psycopg://…)"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise InputError(
            f"data.source={settings.source}: {address.hide(one_line(error))}; expected a URL of "
            "SQLAlchemy such as sqlite:///file.db or postgresql+psycopg://HOST/DATABASE"
        ) from error
    if missing := missing_file(url):
        raise InputError(
            f"data.source={settings.source}: no such file {address.hide(missing)}; expected a "
            "SQLite database (sqlite:///relative.db, sqlite:////absolute.db)"
        )
    return engine


@contextlib.contextmanager
def _connected(settings: DataSettings) -> Iterator["Connection"]:
    """A connection that reads, and sees one state throughout where the database can that.

    Raises Passing where the database does not answer, InputError where it refuses.
    """
    from sqlalchemy.exc import DBAPIError

    address = database_address(settings.source)
    engine = _engine(settings)
    is_sqlite = engine.dialect.name == "sqlite"
    options: dict[str, Any] = {"yield_per": ROWS_PER_BATCH, "no_parameters": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    def connect() -> "Connection":
        try:
            connection: Connection = engine.connect().execution_options(**options)
            return connection
        except DBAPIError as error:
            said = address.hide(one_line(error.orig))
            if "authentication" in said or "denied" in said:
                raise InputError(
                    f"{settings.source}: the database refuses the login ({said}); see to it where "
                    "its URL is held"
                ) from error
            raise Passing(said) from error

    try:
        with retried(
            connect, what=settings.source, report=SILENT, attempts=_ATTEMPTS
        ) as connection:
            if is_sqlite:
                connection.exec_driver_sql("PRAGMA query_only=ON")
            yield connection
            connection.rollback()
    except DBAPIError as error:
        said = address.hide(one_line(error.orig))
        if error.connection_invalidated:
            raise Passing(said) from error
        raise InputError(f"{settings.source}: the query fails: {said}; mend it") from error
    finally:
        engine.dispose()


RECORD = Source(
    prefix=PREFIX,
    open=open_sql,
    identity=identity,
    told=told,
    check=check,
    accepts=accepts,
    takes_query=True,
)
