"""JSON files as a sequence of objects: one per line, or all in one array."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nightloom.data.formats.delimited import missing_column
from nightloom.data.formats.files import SourceFile, text_chunks, text_lines
from nightloom.data.formats.format import Format, Records, in_batches
from nightloom.discretion import data_shown
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted, shown

_BLANKS = " \t\r\n"
_LARGEST = 64 << 20


class _Doubled(dict[str, Any]):
    """An object that has a key twice; it holds the last value."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs)
        self.twice = [name for name, count in counts.items() if count > 1]


def _as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Doubled(pairs)


_DECODER = json.JSONDecoder(object_pairs_hook=_as_object)


def check_once(value: dict[str, Any], names: Iterable[str], place: str) -> None:
    """Raise InputError if an object has one of these keys more than once."""
    if isinstance(value, _Doubled):
        for name in names:
            if name in value.twice:
                raise InputError(
                    f"{place}: the object has {quoted(name, 40)} more than once; expected one "
                    "value; take the others out"
                )


def read_objects(file: SourceFile, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each object of a JSON file, with its line number.

    One object per line, blank lines are skipped; in a `.json` file also one array of objects.
    Raises InputError with file, line and value for anything else. Of a key that an object has twice
    the last value counts; `check_once` refuses that.
    """
    if file.format == "json" and _is_array(file, encoding):
        found = _of_array(file, encoding)
    else:
        found = _of_lines(file, encoding)
    for number, value in found:
        if not isinstance(value, dict):
            kind = type(value).__name__
            way = "; an array of objects is read from a file called .json" if kind == "list" else ""
            raise InputError(
                f"{file.path}:{number}: expected a JSON object, got a {kind}: "
                f"{data_shown(json.dumps(value))}{way}"
            )
        yield number, value


def _expected(file: SourceFile) -> str:
    array = ", or all in one array" if file.format == "json" else ""
    return f"expected one JSON object on the line{array}"


def _way(line: str) -> str:
    """Advice for a line that is no object."""
    return "write each object on one line" if line.strip() in ("{", "[") else "fix the line"


def _of_lines(file: SourceFile, encoding: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text_lines(file, encoding, newline=None), start=1):
        if not line.strip():
            continue
        try:
            yield number, _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            reason = shown(getattr(error, "msg", None) or str(error))
            raise InputError(
                f"{file.path}:{number}: {_expected(file)}, got: {data_shown(line.strip())} "
                f"({reason}); {_way(line)}"
            ) from error


def _is_array(file: SourceFile, encoding: str) -> bool:
    for chunk in text_chunks(file, encoding):
        if start := chunk.lstrip():
            return start.startswith("[")
    return False


def _of_array(file: SourceFile, encoding: str) -> Iterator[tuple[int, Any]]:
    """The values of an array, read in chunks: memory holds one value and a chunk."""
    text = _Text(file, encoding)
    text.take("[")
    if text.peek() == "]":
        text.take("]")
    else:
        while True:
            yield text.value()
            if text.peek() == "]":
                text.take("]")
                break
            text.take(",")
    if text.peek():
        raise text.problem("the end of the file after the array")


class _Text:
    """The text of a file, of which only the unconsumed part is in memory."""

    def __init__(self, file: SourceFile, encoding: str) -> None:
        self._file = file
        self._chunks = text_chunks(file, encoding)
        self._held = ""
        self._at = self._counted = 0
        self._line = 1  # line of the character at `_counted`

    def _more(self, size: int) -> bool:
        """Read on, at least `size` characters if there are that many."""
        parts = []
        while size > 0 and (chunk := next(self._chunks, "")):
            parts.append(chunk)
            size -= len(chunk)
        self._line += self._held.count("\n", self._counted, self._at)
        self._held = "".join([self._held[self._at :], *parts])
        self._at = self._counted = 0
        return bool(parts)

    def peek(self) -> str:
        """The next non-blank character; empty at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more(1):
                return ""

    def take(self, character: str) -> None:
        """Skip the next character, which must be this one."""
        if self.peek() != character:
            raise self.problem(f"'{character}'")
        self._at += 1

    def value(self) -> tuple[int, Any]:
        """The next value, with its line number."""
        if self.peek() not in ("{", "["):
            raise self.problem("a JSON object")
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._at)
            except (ValueError, RecursionError) as error:
                pending = len(self._held) - self._at
                if (
                    isinstance(error, RecursionError)
                    or pending > _LARGEST
                    or not self._more(max(pending, 1))
                ):
                    reason = shown(getattr(error, "msg", None) or str(error))
                    raise self.problem(f"a JSON object ({reason})") from error
                continue
            self._line += self._held.count("\n", self._counted, self._at)
            self._counted, self._at = self._at, end
            return self._line, value

    def problem(self, expected: str) -> InputError:
        line = self._line + self._held.count("\n", self._counted, self._at)
        rest = self._held[self._at : self._at + 100].strip()
        got = data_shown(rest) if rest else "the end of the file"
        return InputError(
            f"{self._file.path}:{line}: expected {expected}, got: {got}; fix the array, or write "
            "one object on each line"
        )


def records(
    file: SourceFile, wanted: Sequence[str], options: Any, *, label: str | None, tally: Any
) -> Iterator[Records]:
    """Yield the values of keys, which each object must have."""
    del tally

    def values() -> Iterator[tuple[int, list[Any]]]:
        for number, value in read_objects(file, options.encoding):
            check_once(value, wanted, f"{file.path}:{number}")
            try:
                yield number, [value[name] for name in wanted]
            except KeyError as error:
                name = error.args[0]
                unlabelled = file.split if name == label else ""
                place = f"{file.path}:{number}"
                raise missing_column(place, name, list(value), unlabelled=unlabelled) from None

    return in_batches(values())


JSON_LINES = Format(
    name="jsonl",
    texts=(".jsonl", ".ndjson"),
    sentences=(".jsonl", ".ndjson"),
    records=records,
)
JSON = Format(name="json", texts=(".json",), sentences=(".json",), records=records)
