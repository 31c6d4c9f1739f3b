"""`read_rows`: the rows of a source that are to be answered, as texts in Arrow."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from nightloom.context import BuildContext, Built
from nightloom.data.arrow import StreamWriter
from nightloom.data.formats.files import Unchanged, files_identity
from nightloom.data.inputs.columns import Reading
from nightloom.data.inputs.source_rows import NO_FILE, located, open_rows, read_source, unread
from nightloom.data.inputs.texts import LINES, Given
from nightloom.data.sources.opened import Files, Opened, Tables
from nightloom.errors import RunError
from nightloom.facts import RowsFacts
from nightloom.registry.as_trained import lines_reading, table_reading
from nightloom.serving.writing import Kinds, plain
from nightloom.settings.inputs import InputDataSettings
from nightloom.settings.score import RowsSettings

ROWS = "rows.arrow"
TEXT, CARRIED = "text", "carried"
SCHEMA = pa.schema([(TEXT, pa.string()), (CARRIED, pa.string())])
"""The columns carried through are one object of JSON."""
_VOLATILE = frozenset({"notes"})


def build(context: BuildContext) -> Built:
    """Write the rows in order; report what is not read, or read otherwise than in training."""
    settings, report = context.group("data", RowsSettings), context.report
    at, notes = located(settings), _Once(context)
    found = open_rows(at, report)
    watch = Unchanged(found.files if isinstance(found, Files) else {})
    _check_key(found, context.outside.get("data.source"), settings.source or "")
    for line in unread(found):
        notes(line)
    how = reading_of(settings, context.outside.get("reading"))
    kinds = Kinds()
    with StreamWriter(context.out / ROWS, SCHEMA) as writer:
        for given in read_source(found, at.source, how, notes):
            kinds.add(given.carried)
            writer.write(_batch(given))
            report.progress(what="read rows", done=writer.rows, total=None, unit="rows")
    watch.check()
    if not writer.rows:  # the columns all the same
        kinds.add(dict.fromkeys(settings.id or (), ()))
    facts = RowsFacts(rows=writer.rows, carried=[*kinds.by_name().items()], notes=notes.lines)
    return Built(facts.to_json(), volatile=_VOLATILE)


def _check_key(
    found: Files | Tables | Opened[Any], expected: Mapping[str, Any] | None, source: str
) -> None:
    """Raise RunError where what was opened is not what the key says."""
    if expected is None:
        return
    identity = found.identity
    if identity is None and isinstance(found, Files):
        identity = found.known_by(files_identity(found.files, may_be_empty=True))
    known = {name: value for name, value in expected.items() if name != "kind"}
    if identity is not None and dict(identity) != known:
        raise RunError(f"{source} changed while it was being read; run again once it is complete")


def reading_of(settings: RowsSettings, known: Any) -> Any:
    """Maps a format to how its files are read; known: how the version's training rows were."""
    data = InputDataSettings(
        **{name: getattr(settings, name) for name in InputDataSettings.model_fields}
    )
    tables = table_reading(data, known, settings.id or ())
    lines = lines_reading(data)

    def how(form: str) -> Reading:
        return lines if form == LINES and form != NO_FILE else tables

    return how


class _Once:
    """Says each line once, and keeps it."""

    def __init__(self, context: BuildContext) -> None:
        self._report = context.report
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        line = line.removeprefix("note: ")
        if line not in self.lines:
            self.lines.append(line)
            self._report.log(line)


def _batch(given: Given) -> pa.RecordBatch:
    names, columns = list(given.carried), list(given.carried.values())
    carried: list[str | None] = [
        json.dumps(dict(zip(names, map(plain, values), strict=True)), ensure_ascii=False)
        for values in zip(*columns, strict=True)
    ]
    carried = carried or [None] * len(given.texts)
    arrays = [pa.array([*map(_valid, given.texts)], pa.string()), pa.array(carried, pa.string())]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
