"""What is wrong with an MLflow store that is a SQLite file: one line, with what to do next."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from nightloom.errors import RunError
from nightloom.exhaustion import chain, exhausted

ANOTHER = "name another one in MLFLOW_TRACKING_URI"
WAYS_OUT = {
    "locked": "another process writes to it and does not end; look which (`fuser` or `lsof` names "
    "it), then run it again",
    "readonly": "make the file and its folder writable",
    "": f"put a copy of it back, or move it away to begin a new one, or {ANOTHER}",
}
"""By a word of what SQLite says."""
LIBRARIES = ("mlflow", "sqlalchemy", "sqlite3")


def faulty(place: object, error: BaseException) -> RunError:
    """The error for a store that SQLite does not read or write."""
    if full := exhausted(error):
        return RunError(f"the MLflow store {place} cannot be written: {full}")
    said = str(_cause(error) or error)
    way_out = next(way for word, way in WAYS_OUT.items() if word in said)
    return RunError(
        f"the MLflow store {place} cannot be used: {' '.join(said.split())[:200]}; {way_out}"
    )


def fault(place: object, error: BaseException) -> RunError | None:
    """The same for an error of a library that SQLite caused; None for any other error."""
    library = type(error).__module__.partition(".")[0]
    if library not in LIBRARIES or _cause(error) is None:
        return None
    return faulty(place, error)


@contextmanager
def faults_told(place: object) -> Iterator[None]:
    """Inside, an error of a library that SQLite caused is raised as a RunError."""
    try:
        yield
    except Exception as error:
        if told := fault(place, error):
            raise told from error
        raise


def _cause(error: BaseException) -> sqlite3.Error | None:
    return next((one for one in chain(error) if isinstance(one, sqlite3.Error)), None)
