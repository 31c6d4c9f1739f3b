"""Local source files: their digests, checks that they do not change, their lines of text."""

import contextlib
import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from nightloom.data.formats.content import head_of, no_text
from nightloom.errors import InputError, RunError
from nightloom.settings.spelling import shown

_START = 1 << 16
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and Spark write for a value that is missing."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source: its split, path and format, and whether it is gzipped.

    If a split has several files, this is the first one, and `more` are the others.
    """

    split: str
    path: Path
    format: str
    gzipped: bool
    more: tuple[Path, ...] = ()
    called: str = ""

    @property
    def name(self) -> str:
        """The file's name, for messages; with a folder if another part has the same name."""
        return self.called or self.path.name

    @property
    def parts(self) -> tuple["SourceFile", ...]:
        """The files of the split as separate objects, in reading order."""
        if not self.more:
            return (self,)
        paths = (self.path, *self.more)
        return tuple(
            replace(self, path=path, more=(), called=name)
            for path, name in zip(paths, told_apart(paths), strict=True)
        )


def told_apart(paths: Sequence[Path]) -> list[str]:
    """The files' names; where several are called the same, with the folders that differ."""
    names = [path.name for path in paths]
    if len(set(names)) == len(names):
        return names
    common = Path(os.path.commonpath([path.parent for path in paths]))
    return [str(path.relative_to(common)) for path in paths]


def path_columns(path: Path) -> dict[str, str]:
    """Columns that the folders of a file give its rows: `date=2026-11-01/part-0.parquet`."""
    found = {}
    for folder in path.parts[:-1]:
        name, sign, value = folder.partition("=")
        if sign and name:
            found[name] = "" if value == _NO_VALUE else unquote(value)
    return found


def files_identity(
    files: Mapping[str, SourceFile], *, may_be_empty: bool = False
) -> list[dict[str, Any]]:
    """Describe the files by split, format, size and SHA-256; names and places are left out, but
    for what folders say of the rows.

    Raises InputError for an unreadable file, and for an empty one unless it may be.
    """
    described = []
    for file in [part for whole in files.values() for part in whole.parts]:
        try:
            with file.path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                size = stream.tell()
        except OSError as error:
            raise InputError(f"{file.path} cannot be read: {error.strerror or error}") from error
        if size == 0 and not may_be_empty:
            raise InputError(f"{file.path} is empty; expected rows for the {file.split} split")
        one = {"split": file.split, "format": file.format, "bytes": size, "sha256": digest}
        columns = path_columns(file.path)
        described.append({**one, "columns": columns} if columns else one)
    return described


def files_facts(files: Mapping[str, SourceFile], *, may_be_empty: bool = False) -> dict[str, Any]:
    """The same, with file names."""
    paths = [part.path.absolute() for file in files.values() for part in file.parts]
    names = told_apart(paths)
    identity = files_identity(files, may_be_empty=may_be_empty)
    described = [{"name": name, **one} for name, one in zip(names, identity, strict=True)]
    return {"files": described}


def without_names(described: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The identity of files, from their descriptions."""
    told = ("split", "format", "bytes", "sha256", "columns")
    return [{name: one[name] for name in told if name in one} for one in described]


class Unchanged:
    """Checks that files do not change while they are read."""

    def __init__(self, files: Mapping[str, SourceFile]) -> None:
        paths = [part.path for file in files.values() for part in file.parts]
        self._before = {path: self._look(path) for path in paths}

    @staticmethod
    def _look(path: Path) -> tuple[int, int] | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns

    def check(self) -> None:
        """Raise RunError if a file was written to, moved or removed since."""
        for path, before in self._before.items():
            if self._look(path) != before:
                raise RunError(f"{path} changed while being read; run again once it is complete")


def text_lines(
    file: SourceFile, encoding: str, *, keep_returns: bool = False, newline: str | None = "\n"
) -> Iterator[str]:
    r"""Yield the lines of a text file with their ends, a byte order mark removed.

    With `keep_returns`, `\r` and `\r\n` also end lines and are kept (as Python's csv needs); with
    `newline` None, or without any `\n`, they end lines and become `\n`. Raises InputError for
    another encoding, NUL bytes and broken gzip.
    """
    count = [0]
    head_of(file.path, gzipped=file.gzipped)  # says what to do if it is not gzipped
    with contextlib.ExitStack() as stack:
        stack.enter_context(_problems_told(file, encoding, count))
        ends = None if newline is None else _line_end(file)
        stream = stack.enter_context(_open(file, encoding, "" if keep_returns else ends))
        for number, line in enumerate(stream, start=1):
            if "\0" in line:
                raise _holds_nul(f"{file.path}:{number}", encoding)
            yield line.removeprefix("\ufeff") if number == 1 else line
            count[0] = number


def text_chunks(file: SourceFile, encoding: str, *, size: int = 1 << 16) -> Iterator[str]:
    r"""Yield a text file in chunks of `size` characters; line ends become `\n`.

    Raises InputError like `text_lines`.
    """
    count = [0]
    first = True
    with _problems_told(file, encoding, count), _open(file, encoding, None) as stream:
        while chunk := stream.read(size):
            if "\0" in chunk:
                before = chunk.partition("\0")[0].count("\n")
                raise _holds_nul(f"{file.path}:{count[0] + before + 1}", encoding)
            yield chunk.removeprefix("\ufeff") if first else chunk
            first = False
            count[0] += chunk.count("\n")


def _holds_nul(place: str, encoding: str) -> InputError:
    return InputError(
        f"{place}: a NUL character; expected text in {encoding}, "
        "this looks like binary data or another encoding (data.encoding=utf-16?)"
    )


@contextlib.contextmanager
def _problems_told(file: SourceFile, encoding: str, count: list[int]) -> Iterator[None]:
    """Turn reading errors into InputErrors; `count` holds the number of lines read so far."""
    try:
        yield
    except UnicodeError as error:
        raise InputError(_undecodable(file, encoding, error, after=count[0])) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{file.path}: broken gzip data after line {count[0]} ({error}); fetch the file again"
        ) from error
    except OSError as error:
        raise InputError(f"{file.path} cannot be read: {error.strerror or error}") from error


def _line_end(file: SourceFile) -> str | None:
    r"""The line ending of a file, for `open`: `\n`, or any if there is only `\r`."""
    with open_bytes(file) as stream:
        start = stream.read(_START)
    return None if b"\r" in start and b"\n" not in start else "\n"


def _open(file: SourceFile, encoding: str, newline: str | None) -> IO[str]:
    if content := no_text(head_of(file.path, gzipped=file.gzipped), encoding):
        raise InputError(f"{file.path} is {content.what}; {content.remedy}")
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    if file.gzipped:
        return gzip.open(file.path, "rt", encoding=encoding, newline=newline)
    return file.path.open(encoding=encoding, newline=newline)


def _undecodable(file: SourceFile, encoding: str, error: UnicodeError, *, after: int) -> str:
    """What cannot be decoded, and where; approximate in encodings with unknown line ends."""
    if not encoding.lower().startswith(("utf-16", "utf-32", "utf_16", "utf_32")):
        # Compressed data may be broken further on, beyond where the reader got.
        with contextlib.suppress(OSError, EOFError, zlib.error), open_bytes(file) as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    line.decode(encoding)
                except UnicodeDecodeError as found:
                    return (
                        f"{file.path}:{number}: expected {encoding}, got byte "
                        f"0x{line[found.start]:02x} at column {found.start + 1}; save the file as "
                        f"{encoding} or set data.encoding (cp1252?)"
                    )
    reason = getattr(error, "reason", str(error))
    return (
        f"{file.path}:{after + 1}: expected {encoding}, got other bytes ({shown(reason)}); "
        "set data.encoding (utf-8?)"
    )


def open_bytes(file: SourceFile) -> gzip.GzipFile | BufferedReader:
    """The bytes of a file, unpacked."""
    return gzip.open(file.path, "rb") if file.gzipped else file.path.open("rb")
