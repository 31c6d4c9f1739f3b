"""The number of rows in a file, without parsing them: for messages only."""

import zlib
from collections.abc import Iterator

from nightloom.data.formats.files import SourceFile, open_bytes
from nightloom.data.formats.known import DELIMITED

_CHUNK = 1 << 20


def rows_of(file: SourceFile, *, header: bool = True, quoted: bool = True) -> int | None:
    """Rows of a table file; None where only reading it would tell, or would fail.

    header: whether delimited files begin with column names; quoted: whether quoted fields in them
    may contain line breaks. A blank line in the middle of a delimited file counts as a row.
    """
    try:
        return _rows(file, header, quoted)
    except (OSError, EOFError, ValueError, NotImplementedError, zlib.error):  # Arrow's as well
        return None


def _rows(file: SourceFile, header: bool, quoted: bool) -> int | None:
    if file.format == "parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(file.path).num_rows)
    if file.format == "jsonl":
        with open_bytes(file) as stream:
            return sum(bool(line.strip()) for line in stream)
    if file.format not in DELIMITED:
        return None
    lines, inside = 0, False
    for chunk in _chunks(file):
        pieces = chunk.split(b'"') if quoted else [chunk]
        lines += sum(piece.count(b"\n") for piece in pieces[inside::2])
        inside ^= len(pieces) % 2 == 0
    return max(0, lines - header)


def _chunks(file: SourceFile) -> Iterator[bytes]:
    """The bytes of a file, normalised to end in one line break."""
    held = b""
    with open_bytes(file) as stream:
        while chunk := stream.read(_CHUNK):
            chunk = held + chunk
            body = chunk.rstrip(b"\r\n")
            held = chunk[len(body) :]
            if body:
                yield body
    yield b"\n"
