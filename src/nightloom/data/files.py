"""Local source files: which file is which split, what is in it (digest), its lines of text."""

import codecs
import contextlib
import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from nightloom.errors import InputError, RunError
from nightloom.settings.spelling import listed, quoted, shown

SPLITS = ("train", "valid", "test")
TABLE_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
TOKEN_FORMATS = {
    ".txt": "conll",
    ".conll": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bio": "conll",
    ".tsv": "conll",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
_SPLIT_OF_STEM = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
}
_START = 1 << 16
_MARKS_OF_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source: the split it gives, its path, its format and whether it is gzipped."""

    split: str
    path: Path
    format: str
    gzipped: bool

    @property
    def name(self) -> str:
        """The file's name without its folder, as messages show it."""
        return self.path.name


def find_files(source: str, formats: Mapping[str, str]) -> dict[str, SourceFile]:
    """Map each split of a local source to its file; a single file is the split `train`.

    Raises InputError where the path is missing, the format unknown, or two files claim one split.
    """
    given = f"data.source={shown(source, 300)}"
    try:
        path = Path(source).expanduser()
        if path.is_dir():
            return _in_directory(path, formats)
        if path.is_file():
            return {"train": _as_source(path, "train", formats)}
        if path.exists():
            raise InputError(f"{given} is neither a file nor a directory; expected one of them")
        raise InputError(f"{given}: no such file or directory{_nearby(path)}")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{given}: {reason}; expected a path that can be read") from error


def _nearby(path: Path) -> str:
    """What may have been meant by a path that does not exist."""
    if not path.parent.is_dir():
        expected = "expected tfds:NAME, hf:NAME, sample, or the path of a file or directory"
        folder = shown(str(path.parent), 300)
        return f" (its folder {folder} does not exist either); {expected}"
    names = sorted(entry.name for entry in path.parent.iterdir())
    close = get_close_matches(path.name, [*names, "sample"], n=1)
    if close:
        meant = "sample" if close[0] == "sample" else shown(str(path.parent / close[0]), 300)
        return f"; did you mean {meant}?"
    return f"; {path.parent.resolve()} holds: {listed(names)}"


def _suffix(path: Path) -> tuple[str, str, bool]:
    gzipped = path.suffix.lower() == ".gz"
    inner = path.with_suffix("") if gzipped else path
    return inner.stem.lower(), inner.suffix.lower(), gzipped


def _as_source(path: Path, split: str, formats: Mapping[str, str]) -> SourceFile:
    _, suffix, gzipped = _suffix(path)
    if suffix not in formats or (gzipped and suffix == ".parquet"):
        known = ", ".join(formats)
        raise InputError(
            f"{path}: unknown file type {quoted(path.suffix)}; expected one of {known} "
            "(text files also with .gz)"
        )
    return SourceFile(split, path, formats[suffix], gzipped)


def _in_directory(directory: Path, formats: Mapping[str, str]) -> dict[str, SourceFile]:
    found: dict[str, SourceFile] = {}
    names = sorted(entry.name for entry in directory.iterdir())
    for name in names:
        path = directory / name
        stem, suffix, gzipped = _suffix(path)
        split = _SPLIT_OF_STEM.get(stem)
        if split is None or suffix not in formats or not path.is_file():
            continue
        if split in found:
            raise InputError(
                f"{directory}: two files for the {split} split, {found[split].name} and {name}; "
                "keep one, or put the other elsewhere"
            )
        found[split] = SourceFile(split, path, formats[suffix], gzipped)
    if "train" not in found:
        raise InputError(
            f"{directory}: no training file; expected train.* of type {', '.join(formats)}; "
            f"the directory holds: {listed(names)}"
        )
    return {split: found[split] for split in SPLITS if split in found}


def files_identity(files: Mapping[str, SourceFile]) -> dict[str, Any]:
    """Describe the files by split, name, size and SHA-256; where they lie is left out.

    Raises InputError for an empty or unreadable file.
    """
    described = []
    for file in files.values():
        try:
            with file.path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                size = stream.tell()
        except OSError as error:
            raise InputError(f"{file.path} cannot be read: {error.strerror or error}") from error
        if size == 0:
            raise InputError(f"{file.path} is empty; expected rows for the {file.split} split")
        described.append({"split": file.split, "name": file.name, "bytes": size, "sha256": digest})
    return {"kind": "files", "files": described}


class Unchanged:
    """Watches that files stay what they were from the first look to the last."""

    def __init__(self, files: Mapping[str, SourceFile]) -> None:
        self._before = {file.path: self._look(file.path) for file in files.values()}

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
                raise RunError(f"{path} changed while it was read; run again once it is complete")


def text_lines(
    file: SourceFile, encoding: str, *, keep_returns: bool = False, newline: str | None = "\n"
) -> Iterator[str]:
    r"""Yield the lines of a text file with their ends, a byte order mark removed.

    With `keep_returns`, `\r` and `\r\n` end lines too and are kept (what Python's csv needs); with
    `newline` None, and where no `\n` is, they end lines and become `\n`. Raises InputError for
    another encoding, NUL bytes and broken gzip.
    """
    count = [0]
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
    r"""Yield a text file in pieces of `size` characters; ends of lines become `\n`.

    Raises InputError as `text_lines` does.
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
    """Turn what goes wrong in reading into an InputError; `count` holds the lines read so far."""
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
    r"""What ends the lines of a file, as `open` takes it: `\n`, or any where there is only `\r`."""
    with _open_bytes(file) as stream:
        start = stream.read(_START)
    return None if b"\r" in start and b"\n" not in start else "\n"


def _open(file: SourceFile, encoding: str, newline: str | None) -> IO[str]:
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    if file.gzipped:
        return gzip.open(file.path, "rt", encoding=encoding, newline=newline)
    return file.path.open(encoding=encoding, newline=newline)


def _undecodable(file: SourceFile, encoding: str, error: UnicodeError, *, after: int) -> str:
    """What cannot be decoded, and where; in encodings whose lines cannot be told, only roughly."""
    if not encoding.lower().startswith(("utf-16", "utf-32", "utf_16", "utf_32")):
        # Compressed data may be broken further on, where the reader did not come to.
        with contextlib.suppress(OSError, EOFError, zlib.error), _open_bytes(file) as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    line.decode(encoding)
                except UnicodeDecodeError as found:
                    marked = number == 1 and line.startswith(_MARKS_OF_UTF16)
                    return (
                        f"{file.path}:{number}: expected {encoding}, got byte "
                        f"0x{line[found.start]:02x} at column {found.start + 1}; save the file as "
                        f"{encoding} or set data.encoding ({'utf-16' if marked else 'cp1252'}?)"
                    )
    reason = getattr(error, "reason", str(error))
    return (
        f"{file.path}:{after + 1}: expected {encoding}, got bytes that are not ({shown(reason)}); "
        "set data.encoding (utf-8?)"
    )


def _open_bytes(file: SourceFile) -> gzip.GzipFile | BufferedReader:
    return gzip.open(file.path, "rb") if file.gzipped else file.path.open("rb")
