"""The records of nights, in an experiment of their own in MLflow: a run a night, its models below.

They are kept for two years; versions and their runs may go before.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nightloom.errors import RunError
from nightloom.registry.aliases import check_store
from nightloom.registry.faults import faulty
from nightloom.registry.nights.file import keep_in_file, texts_in_file
from nightloom.registry.nights.record import NightRecord
from nightloom.registry.nights.server import keep_on_server, texts_on_server
from nightloom.registry.server import UNAUTHORIZED, no_login
from nightloom.registry.store import sqlite_path


def keep_night(tracking_uri: str, root: Path, records: Sequence[NightRecord]) -> None:
    """Keep what became of a night's models, in place of what was kept of the same night; what is
    older than two years goes.

    root: folder of the models' files, where the store is a SQLite file.

    Raises RunError where the store takes nothing.
    """
    check_store(tracking_uri)
    path = sqlite_path(tracking_uri)
    if not records:
        return
    with _readable(tracking_uri):
        if path is not None:
            keep_in_file(path, root, records)
        else:
            keep_on_server(tracking_uri, records)


def nights_of(tracking_uri: str, model: str | None = None) -> list[NightRecord]:
    """What is kept, of one model or all, the oldest night first.

    Raises RunError where the store cannot be read.
    """
    check_store(tracking_uri)
    path = sqlite_path(tracking_uri)
    with _readable(tracking_uri):
        if path is not None:
            texts = list(texts_in_file(path, model))
        else:
            texts = list(texts_on_server(tracking_uri, model))
    found = (NightRecord.of_text(text) for text in texts)
    return sorted((one for one in found if one), key=lambda one: (one.when, one.model))


@contextmanager
def _readable(tracking_uri: str) -> Iterator[None]:
    """Inside, what the store says of itself is one line."""
    from httpx import HTTPError, HTTPStatusError

    try:
        yield
    except HTTPStatusError as error:
        if error.response.status_code == UNAUTHORIZED:
            raise no_login(tracking_uri) from error
        raise _unread(tracking_uri, error) from error
    except sqlite3.Error as error:
        raise faulty(sqlite_path(tracking_uri), error) from error
    except (HTTPError, OSError, ValueError, KeyError) as error:
        raise _unread(tracking_uri, error) from error


def _unread(tracking_uri: str, error: Exception) -> RunError:
    said = " ".join(str(error).split())[:200]
    return RunError(f"the records of nights in {tracking_uri}: {said}")
