"""Texts to be answered, from any source that training reads; labels are not looked at."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from nightloom.counted import counted
from nightloom.data.formats.files import SourceFile, Unchanged
from nightloom.data.formats.format import Records
from nightloom.data.formats.tables import Rows
from nightloom.data.inputs.columns import Reading, Say, choose_columns
from nightloom.data.inputs.texts import Given, carried_in, read_inputs, texts_in
from nightloom.data.sources.every_file import every_file
from nightloom.data.sources.opened import Files, Opened, Tables
from nightloom.data.sources.roles import left_out_warnings
from nightloom.errors import InputError
from nightloom.progress import Report
from nightloom.settings.score import RowsAt, RowsSettings
from nightloom.settings.spelling import listed
from nightloom.sources import source_named

How = Callable[[str], Reading]
"""Maps a format to how its files are read."""
_NOTE = "note: "
NO_FILE = ""
"""The format of what is no file."""
_AS_SETTINGS = {
    "--set data.": "data.",
    "(--id)": "(data.id)",
    "data.train_split": "data.split",
    " for the train split": "",
    "; keep those of one type": "; name those of one type by a pattern such as rows/*.csv",
    ", or name its format in --format": "",
    "--format conll reads a word and its tag per line": "a .conll file has a word and its tag per "
    "line",
}
"""What readers say of the options of `nightloom predict` and of splits, in terms of settings."""


def located(settings: RowsSettings) -> RowsAt:
    """What the kind of the source reads; all files of a folder are one split."""
    at = settings.at()
    source, chosen = every_file(at.source)
    return at if at.chosen_splits else replace(at, source=source, chosen_splits=chosen)


def open_rows(at: RowsAt, report: Report) -> Files | Tables | Opened[Any]:
    """The source in settings; hubs download here.

    Raises InputError and RunError like the source.
    """
    with said_in_settings():
        found: Files | Tables | Opened[Any] = source_named(at.source).open(at, report)
    return found


def read_source(
    found: Files | Tables | Opened[Any], source: str, how: How, say: Say
) -> Iterator[Given]:
    """Yield all rows of an open source in order, some thousands at a time.

    Raises InputError with file or split, line or row, and value for what cannot be read, RunError
    for a file that changed meanwhile.
    """
    with said_in_settings():
        if isinstance(found, Files):
            yield from _of_files(found, how, say)
        elif isinstance(found, Tables):
            yield from _of_tables(found, source, how(NO_FILE), say)
        else:
            yield from _of_opened(found, source, how(NO_FILE))


@contextmanager
def said_in_settings() -> Iterator[None]:
    """Inside, readers speak of the settings of `score`: of no options of `nightloom predict`, and
    of no splits."""
    try:
        yield
    except InputError as error:
        message = str(error)
        for told, instead in _AS_SETTINGS.items():
            message = message.replace(told, instead)
        raise InputError(message) from error


def unread(found: Files | Tables | Opened[Any]) -> list[str]:
    """What of the source is not read and why, as lines for the user."""
    if isinstance(found, Opened):
        return list(found.warnings)
    kind = "file" if isinstance(found, Files) else "split"
    lines = left_out_warnings(found.left_out, kind)
    return [line.partition("; data.train_split")[0] for line in lines]


def files_of(found: Files) -> list[SourceFile]:
    """All files in the order in which they are read."""
    return [part for file in found.files.values() for part in file.parts]


def _of_files(found: Files, how: How, say: Say) -> Iterator[Given]:
    watch, notes = Unchanged(found.files), _Notes(say)
    for file in files_of(found):
        yield from read_inputs(file, how(file.format), notes.of(file))
    watch.check()
    notes.end()


class _Notes:
    """What readers say of files: of those that are alike but for names and numbers, the first."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._more: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def of(self, file: SourceFile) -> Say:
        """Takes what is said of a file."""

        def say(note: str) -> None:
            for name in (str(file.path), file.name):
                note_of_any = note.replace(name, "")
                if note_of_any != note:
                    break
            kind = re.sub(r"\d+", "", note_of_any)
            if kind in self._first:
                self._more[kind] = self._more.get(kind, 0) + 1
                return
            self._first[kind] = note
            self._say(note)

        return say

    def end(self) -> None:
        """Say how many there were of each kind."""
        for kind, more in self._more.items():
            first = self._first[kind].removeprefix(_NOTE)
            self._say(f"{_NOTE}{counted(more, 'more files are')} like this one: {first}")


def _of_tables(found: Tables, source: str, reading: Reading, say: Say) -> Iterator[Given]:
    text, ids = choose_columns(source, found.columns, reading, say)
    wanted = tuple(dict.fromkeys((*text, *ids)))
    for split, read in found.splits.items():
        start, place = 0, f"{source} ({split})"
        for batch in read():
            columns = [batch.column(name).to_pylist() for name in wanted]
            numbers = list(range(start + 1, start + 1 + batch.num_rows))
            records = Records(list(zip(*columns, strict=True)), numbers)
            start += batch.num_rows
            yield Given(texts_in(records, text, place, reading), carried_in(records, wanted, ids))


def _of_opened(found: Opened[Any], source: str, reading: Reading) -> Iterator[Given]:
    if reading.ids:
        raise InputError(
            f"data.id={','.join(reading.ids)}: {source} has no columns beside its texts"
            f"; leave it out, it has {listed(list(found.splits))}"
        )
    for batches in found.splits.values():
        for batch in batches:
            if isinstance(batch, Rows):
                yield Given(list(batch.texts))
            else:
                yield Given([" ".join(words) for words in batch.tokens])
