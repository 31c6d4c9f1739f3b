"""The supported formats of local files."""

from nightloom.data.formats.conll import CONLL
from nightloom.data.formats.delimited import CSV, TSV
from nightloom.data.formats.json_objects import JSON, JSON_LINES
from nightloom.data.formats.parquet import PARQUET

FORMATS = {one.name: one for one in (CONLL, CSV, TSV, JSON_LINES, JSON, PARQUET)}
TABLE_FORMATS = {end: one.name for one in FORMATS.values() for end in one.texts}
TOKEN_FORMATS = {end: one.name for one in FORMATS.values() for end in one.sentences}
ENDINGS = {"text": TABLE_FORMATS, "entities": TOKEN_FORMATS}
"""Formats by file extension, for each task."""
DELIMITED = tuple(one.name for one in FORMATS.values() if one.has_fields)
