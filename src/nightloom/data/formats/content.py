"""Recognises files that are not text by their first bytes: pictures, archives, other encodings."""

import codecs
import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

from nightloom.errors import InputError

HEAD = 4096
"""Number of bytes inspected."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds instead of text, and what to do about it."""

    what: str
    remedy: str


_PARQUET = Content("a Parquet file", "give it a name ending in .parquet")
_UNPACK = "unpack it first"
_OFFICE = Content("an Excel or Word file", "save it as CSV in UTF-8")
_OTHER = "expected text, one of CSV, TSV, JSONL or lines, or Parquet"
_MARKS: tuple[tuple[bytes, Content], ...] = (
    (b"\x1f\x8b", Content("gzip data", "give it a name ending in .gz, or unpack it (gunzip)")),
    (b"\x89PNG\r\n\x1a\n", Content("a PNG picture", _OTHER)),
    (b"\xff\xd8\xff", Content("a JPEG picture", _OTHER)),
    (b"GIF87a", Content("a GIF picture", _OTHER)),
    (b"GIF89a", Content("a GIF picture", _OTHER)),
    (b"%PDF-", Content("a PDF document", "extract its text first (pdftotext)")),
    (b"PAR1", _PARQUET),
    (b"ARROW1\0\0", Content("an Arrow or Feather file", "write it as Parquet")),
    (b"ORC", Content("an ORC file", "write it as Parquet")),
    (b"Obj\x01", Content("an Avro file", "write it as Parquet")),
    (b"\xfd7zXZ\0", Content("xz data", _UNPACK)),
    (b"BZh", Content("bzip2 data", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Content("zstd data", _UNPACK)),
    (b"\x04\x22\x4d\x18", Content("lz4 data", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7z archive", _UNPACK)),
    (b"Rar!\x1a\x07", Content("a RAR archive", _UNPACK)),
    (b"PK\x05\x06", Content("an empty zip archive", _OTHER)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OFFICE),
    (b"SQLite format 3\0", Content("a SQLite database", "export the table as CSV")),
    (b"\x89HDF\r\n\x1a\n", Content("an HDF5 file", "write it as Parquet")),
    (b"\x93NUMPY", Content("a NumPy array", "write it as Parquet")),
    (b"\x7fELF", Content("a program", _OTHER)),
    (b"RIFF", Content("an audio, video or WebP file", _OTHER)),
    (b"OggS", Content("an audio file", _OTHER)),
    (b"ID3", Content("an audio file", _OTHER)),
)
_PICKLES = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_UNICODE_MARKS = (  # little-endian UTF-32 begins like UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def head_of(path: Path, *, gzipped: bool = False) -> bytes:
    """The first bytes of a file, unpacked if it is gzipped.

    Raises InputError if it cannot be read, or is not gzipped after all.
    """
    try:
        with gzip.open(path, "rb") if gzipped else path.open("rb") as stream:
            return bytes(stream.read(HEAD))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: broken gzip data ({error}); fetch the file again, or leave .gz out of its "
            "name if it is not packed"
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def no_text(head: bytes, encoding: str = "utf-8") -> Content | None:
    """The kind of file that starts with `head`; None if it may be text in `encoding`."""
    if not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        if found := wide(head):
            return Content(
                f"text in {found}", f"set data.encoding={found}, or save it as {encoding}"
            )
        if head.startswith(b"%PDF-") or not _is_clean(head):
            return _marked(head)
        return None
    return None if head.startswith(tuple(mark for mark, _ in _UNICODE_MARKS)) else _marked(head)


def _marked(head: bytes) -> Content | None:
    if head.startswith(b"PK\x03\x04"):
        office = b"[Content_Types].xml" in head or b"mimetypeapplication/vnd.oasis" in head
        return _OFFICE if office else Content("a zip archive", _UNPACK)
    if head.startswith(_PICKLES) and head[2:3] in (b"\x95", b"}", b"]", b"c", b"X", b"("):
        return Content("a pickle", "never loaded, because it can run code; write it as Parquet")
    if head[257:262] == b"ustar":
        return Content("a tar archive", _UNPACK)
    return next((content for mark, content in _MARKS if head.startswith(mark)), None)


def wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32, by its byte order mark or by a NUL in nearly every character."""
    for mark, name in _UNICODE_MARKS:
        if head.startswith(mark):
            return name
    for name, at in (("utf-16-le", 1), ("utf-16-be", 0)):
        nuls = head[at::2].count(0)
        if len(head) >= 4 and nuls > 0.4 * (len(head) // 2) and 0 not in head[1 - at :: 2]:
            return name
    return None


def _is_clean(head: bytes) -> bool:
    """Whether this is the beginning of a text in UTF-8 without control characters."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(letter < " " and letter not in "\t\n\v\f\r\x1b" for letter in text)


def check_text(text: str, place: str) -> None:
    """Raise InputError for a NUL character or a lone surrogate."""
    if "\0" in text:
        raise InputError(f"{place}: the text holds a NUL character; remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{place}: the text holds half of a surrogate pair ({text[error.start]!a}), which is "
            "not a character; fix or remove it"
        ) from error
