"""The supported formats of local files."""

from nightloom.data.formats.conll import CONLL
from nightloom.data.formats.delimited import CSV, TSV
from nightloom.data.formats.format import Format
from nightloom.data.formats.json_objects import JSON, JSON_LINES
from nightloom.data.formats.parquet import PARQUET

LINES = Format(name="lines")
"""A text a line; only read where no labels are needed."""
FORMATS = {one.name: one for one in (CONLL, CSV, TSV, JSON_LINES, JSON, PARQUET, LINES)}
TABLE_FORMATS = {end: one.name for one in FORMATS.values() for end in one.texts}
TOKEN_FORMATS = {end: one.name for one in FORMATS.values() for end in one.sentences}
TAGGED = dict.fromkeys((".conll", ".iob", ".iob2", ".bio"), CONLL.name)
"""Extensions of files of tagged sentences that no tables have."""
ENDINGS = {
    "text": TABLE_FORMATS,
    "entities": TOKEN_FORMATS,
    "rows": {**TABLE_FORMATS, **TAGGED, ".txt": LINES.name},
}
"""Formats by file extension, for each task; `rows` are to be answered and need no labels."""
DELIMITED = tuple(one.name for one in FORMATS.values() if one.has_fields)
