"""Downloaded files, kept in the home until `cache gc` removes them.

There is one folder per state of a source, complete or absent; a source that cannot be reached is
read from it.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nightloom.cache.canonical import digest_of
from nightloom.data.sources.states import Key
from nightloom.home import Home


def folder_of(key: Key, state: Mapping[str, Any]) -> Path:
    """The folder for the files of this state of a source."""
    return Home.current().fetched / digest_of({"source": list(key), "state": dict(state)})[:32]


def find(key: Key, state: Mapping[str, Any] | None) -> Path | None:
    """The folder with the files of a state, None if they were not downloaded."""
    if state is None:
        return None
    folder = folder_of(key, state)
    if not folder.is_dir():
        return None
    os.utime(folder)  # when it was last of use, for `cache gc`
    return folder


@contextmanager
def fetching() -> Iterator[Path]:
    """An empty folder to download into, for `keep`; removed if not kept."""
    folder = Home.current().fetched / f".{os.getpid()}-{uuid.uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def somewhere() -> Iterator[Path]:
    """A folder to fetch into; where there is no home yet, as in a plan, one outside of it."""
    if Home.current().root.is_dir():
        with fetching() as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory() as outside:
            yield Path(outside)


def keep_if_home(folder: Path, key: Key, state: Mapping[str, Any]) -> None:
    """As `keep`, but a plan makes no home."""
    if Home.current().root.is_dir():
        keep(folder, key, state)


def keep(folder: Path, key: Key, state: Mapping[str, Any]) -> Path:
    """Publish downloaded files as those of a state, by one rename; return their folder."""
    final = folder_of(key, state)
    try:
        folder.rename(final)
    except OSError:
        if not final.is_dir():  # else another process was faster
            raise
    return final
