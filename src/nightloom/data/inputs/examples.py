"""A file of examples that must hold: texts whose answer is known, pairs whose answers must agree.

It is CSV (columns `text` and `label`, or `entities`) or JSON lines with these keys. In
place of an answer, `same_as` is a text whose answer must be the same. `name` is what an example is
called; without one it is called by its line.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.data.formats.content import check_text
from nightloom.discretion import data_quoted, data_shown
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, meant, quoted, shown

Entities = tuple[tuple[str, str], ...]
"""Text and type of each entity, in order."""
SETTING = "register.examples"
LABEL, ENTITIES, SAME = "label", "entities", "same_as"
_ENTITY = re.compile(r"(?P<text>.*\S)\s*\((?P<type>[^()\s]+)\)")
_OF_ENTITY = {"text", "type", "entity_group", "start", "end", "word", "score"}
"""Also what `nightloom predict` answers."""


@dataclass(frozen=True)
class Example:
    """One of them."""

    name: str
    line: int
    texts: tuple[str, ...]
    """One; or two, whose answers must agree."""
    wanted: str | Entities = ""
    """The label, or the entities; of a pair nothing."""

    @property
    def called(self) -> str:
        """By its name and its line."""
        line = f"line {self.line}"
        return f"{quoted(self.name, 60)} ({line})" if self.name else line


def read_bytes(path: Path) -> bytes:
    """The content of a file of examples; raises InputError where it cannot be read."""
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        what = "is a folder" if path.is_dir() else f"cannot be read: {error.strerror or error}"
        raise InputError(
            f"{SETTING}={shown(str(path), 200)} {what}; name a CSV or JSONL file"
        ) from error


def identity(content: bytes) -> dict[str, Any]:
    """What a cache key holds of a file."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def parse_examples(content: bytes, path: Path, *, answer: str) -> list[Example]:
    """The examples of a file.

    answer: what this task's answers are called, LABEL or ENTITIES. Raises InputError with file and
    line for what is no example.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{line}: expected text in UTF-8; save it as that") from error
    rows = {".csv": _of_csv, ".jsonl": _of_lines, ".ndjson": _of_lines}.get(path.suffix.lower())
    if rows is None:
        raise InputError(
            f"{SETTING}={shown(str(path), 200)}: expected a name that ends in .csv or .jsonl"
        )
    found = [
        _example(values, f"{path}:{line}", line, answer=answer)
        for line, values in rows(text, path, answer)
    ]
    if not found:
        raise InputError(f"{path}: no examples; expected some, or {SETTING}=none")
    return found


def check_names(examples: Sequence[Example], path: Path, names: Sequence[str]) -> None:
    """Raise InputError for a label, or a type of entities, that the data do not have."""
    for one in examples:
        pairs = one.wanted
        wanted = [pairs] if isinstance(pairs, str) else [kind for _, kind in pairs]
        for name in wanted if len(one.texts) == 1 else ():
            if name not in names:
                raise InputError(
                    f"{path}:{one.line}: {quoted(name, 40)} is none of what the data have: "
                    f"{listed(names)}{meant(name, names)}; fix the example"
                )


def _of_csv(text: str, path: Path, answer: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] | None = None
    begins = 1
    try:
        for row in reader:
            place, begins = begins, reader.line_num + 1
            if not row:
                continue
            if names is None:
                names = row
                _check_header(names, f"{path}:{place}", answer)
                continue
            if len(row) != len(names):
                raise InputError(
                    f"{path}:{place}: expected {len(names)} fields as in the header "
                    f"({listed(names)}), got {len(row)}; quote a field that has commas"
                )
            yield place, dict(zip(names, row, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}:{begins}: cannot be read as CSV ({error}); fix it") from error


def _check_header(names: Sequence[str], place: str, answer: str) -> None:
    known = ("text", answer, SAME, "name")
    wrong = [name for name in names if name not in known or names.count(name) > 1]
    if wrong or "text" not in names or not {answer, SAME} & set(names):
        raise InputError(
            f"{place}: expected a header with the columns text and {answer} or {SAME} (and name), "
            f"got {listed(names)}"
        )


def _of_lines(text: str, path: Path, answer: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            values = json.loads(line, object_pairs_hook=_once)
        except _Twice as error:
            raise InputError(
                f"{place}: the key {quoted(str(error), 40)} is there twice; keep one"
            ) from error
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise InputError(
                f"{place}: expected a JSON object, got {data_shown(line.strip())}; fix it"
            )
        known = ("text", answer, SAME, "name")
        for name in values:
            if name not in known:
                raise InputError(
                    f"{place}: expected the keys text and {answer} or {SAME} (and name), got "
                    f"{quoted(name, 40)}"
                )
        yield number, values


class _Twice(Exception):
    """A key that a JSON object has twice."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Twice(name)
        found[name] = value
    return found


def _example(values: Mapping[str, Any], place: str, line: int, *, answer: str) -> Example:
    text = _text(values, "text", place)
    name = _text(values, "name", place) if values.get("name") else ""
    wanted, same = values.get(answer), values.get(SAME)
    if same not in (None, ""):
        if wanted not in (None, ""):
            raise InputError(f"{place}: expected {answer} or {SAME}, got both")
        return Example(name, line, (text, _text(values, SAME, place)))
    if wanted is None or (answer == LABEL and isinstance(wanted, str) and not wanted.strip()):
        raise InputError(f"{place}: expected {answer} or {SAME}, got neither")
    read = _label if answer == LABEL else _entities
    return Example(name, line, (text,), read(wanted, text, place))


def _text(values: Mapping[str, Any], key: str, place: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        what = (
            "nothing" if value is None else f"{type(value).__name__} {data_shown(str(value), 40)}"
        )
        raise InputError(f"{place}: {key} must be a string, got {what}; fix it")
    check_text(value, place)
    return value


def _label(value: Any, text: str, place: str) -> str:
    del text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InputError(
            f"{place}: {LABEL} must be a string or an integer, got {data_shown(str(value), 40)}"
        )
    return value.strip()  # as those of the data


def _entities(value: Any, text: str, place: str) -> Entities:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(";") if part.strip()]
    if not isinstance(value, list):
        raise InputError(f"{place}: {ENTITIES} must be a list, got {data_shown(str(value), 40)}")
    found = tuple(_entity(one, text, place) for one in value)
    for entity, _ in found:
        if entity not in text:
            raise InputError(
                f"{place}: {data_quoted(entity, 40)} does not occur in the text; fix it"
            )
    return found


def _entity(value: Any, text: str, place: str) -> tuple[str, str]:
    if isinstance(value, str) and (match := _ENTITY.fullmatch(value)):
        return match["text"], match["type"]
    if isinstance(value, dict) and value.keys() <= _OF_ENTITY:
        kind, words = value.get("type", value.get("entity_group")), value.get("text")
        start, end = value.get("start"), value.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text):
            words = text[start:end]
        if isinstance(kind, str) and isinstance(words, str) and words.strip():
            return words.strip(), kind
    raise InputError(
        f"{place}: expected an entity such as 'Berlin (LOC)' or "
        f'{{"text": "Berlin", "type": "LOC"}}, got {data_shown(str(value), 60)}'
    )
