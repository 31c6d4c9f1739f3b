"""What a user's file, folder or pattern is: texts with labels, or tagged sentences."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.counted import counted
from nightloom.data.formats.column_names import TAG_COLUMNS, WORD_COLUMNS
from nightloom.data.formats.content import head_of, no_text, wide
from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.known import ENDINGS
from nightloom.data.sources.file_names import file_roles, format_of, is_hidden, suffix_of
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.opened import Files
from nightloom.errors import InputError
from nightloom.project.roles import Other, Said, roles_of_columns
from nightloom.project.rows import Rows, see_rows
from nightloom.project.tables import Table, encodings_of, see_table, told_way
from nightloom.settings.data import DataSettings, EntityDataSettings, TextDataSettings
from nightloom.settings.parse import validate
from nightloom.settings.spelling import listed, shown
from nightloom.sources import source_named

_PACKED = (".gz", ".parquet")
_SETTINGS = re.compile(
    rf"\bdata\.({'|'.join({**TextDataSettings.model_fields, **EntityDataSettings.model_fields})})="
    r"|\bset (in )?data\."
)
_NULS = 0.02
"""Share of NUL bytes above which a file is no text at all."""
_TOLD = {"conll": "CoNLL columns", "json": "JSON", "jsonl": "JSON lines", "parquet": "Parquet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A source, what it was taken for and why."""

    source: str
    """Its absolute path."""
    task: str
    data: Mapping[str, Any]
    """Settings of `data` that it needs."""
    others: tuple[Other, ...]
    said: tuple[Said, ...]
    """What was seen, by subject."""
    rows: Rows

    @property
    def name(self) -> str:
        """The name of its file or folder, or of the folder before a pattern."""
        path = Path(self.source)
        while any(sign in path.name for sign in "*?["):
            path = path.parent
        return suffix_of(path)[0] if path.is_file() else path.name


def look_at(given: str) -> Seen:
    """Look at a source.

    Raises InputError, in one line that says what was seen, if it is not understood.
    """
    try:
        return _look_at(given)
    except InputError as error:
        if not _SETTINGS.search(str(error)):
            raise
        raise InputError(
            f"{error}; init takes no settings: `nightloom run` does, with or without a file"
        ) from error


def _look_at(given: str) -> Seen:
    if kind := source_named(given).prefix:
        raise InputError(
            f"--data {shown(given, 200)}: expected a file, folder or pattern of this machine, got "
            f"a source of {kind}: write it as data.source in a file of settings "
            "(`nightloom flows classify-transformer` lists them)"
        )
    if not given.strip():
        raise InputError("--data is empty; expected a file, folder or pattern")
    source = os.path.abspath(Path(given).expanduser())  # noqa: PTH100  (`..` goes as well)
    _refuse_binary(Path(source))
    texts, sentences = _files(source, "text"), _files(source, "entities")
    if isinstance(texts, InputError):
        if isinstance(sentences, InputError):
            raise _no_train(Path(source)) or texts
        try:
            return _sentences(source, {}, sentences)
        except InputError as error:
            raise InputError(
                f"{error}; such a file is read as words with a tag each: texts with labels belong "
                "into CSV, TSV, JSON, JSONL or Parquet"
            ) from error
    table, problem = None, None
    try:
        table = see_table(texts.files["train"])
    except InputError as error:
        problem = error
    if not isinstance(sentences, InputError):
        columns = _word_columns(table) if table else None
        if columns is not None:
            return _sentences(source, columns, sentences)
        if texts.files["train"].format == "tsv" and _has_words(source):
            return _sentences(source, {}, sentences)
    if table is None:
        assert problem is not None
        raise problem
    return _texts(source, texts, table)


def _refuse_binary(path: Path) -> None:
    """Raise InputError for a file that is neither text nor Parquet; it says what it is."""
    if not path.is_file():
        return
    head = head_of(path)
    if not head:
        raise InputError(f"{path} is empty; expected rows")
    if path.suffix.lower() in _PACKED or wide(head):
        return
    if content := no_text(head):
        raise InputError(f"{path} is {content.what}; {content.remedy}")
    if head.count(b"\0") > _NULS * len(head):  # else the reader says in which line it is
        start = " ".join(f"{byte:02x}" for byte in head[:8])
        raise InputError(
            f"{path} is binary data (it begins with the bytes {start}); expected text, one of "
            "CSV, TSV, JSON, JSONL or CoNLL columns, or Parquet"
        )


def _files(source: str, task: str) -> Files | InputError:
    try:
        return look_into(source, ENDINGS[task])
    except InputError as error:
        return error


def _no_train(folder: Path) -> InputError | None:
    """What to do about a folder of files none of which is train; None for anything else."""
    formats = {**ENDINGS["entities"], **ENDINGS["text"]}
    if not folder.is_dir():
        return None
    entries = [path for path in sorted(folder.iterdir()) if not is_hidden(path)]
    found = [path for path in entries if path.is_file() and format_of(path, formats)[0]]
    if not found or any("train" in file_roles(path) for path in found):
        return None
    names = listed((path.name for path in entries), 6)
    endings = {path.suffix for path in found}
    pattern = shlex.quote(str(folder / f"*{found[0].suffix}"))
    all_in_one = f"--data {pattern}" if len(endings) == 1 else "a pattern"
    return InputError(
        f"{folder} holds {names}, and nothing called train; call the files of one model train, "
        "valid and test, or name each file after its own --data, "
        f"--data {shlex.quote(str(found[0]))}, or {all_in_one} for files that belong together"
    )


def _word_columns(table: Table) -> dict[str, Any] | None:
    """The settings that name the columns of words and tags, if the table has lists of both."""
    lists = [one for one in table.columns if one.kind == "list"]
    words = next((one for one in lists if one.of_texts), None)
    if words is None or len(lists) < 2:
        return None
    names = [one.name for one in lists]
    if any(name in WORD_COLUMNS for name in names) and any(name in TAG_COLUMNS for name in names):
        return _with_encoding({}, table)
    tags = next(one for one in lists if one is not words)
    return _with_encoding({"columns": [words.name, tags.name]}, table)


def _word_in_a_row(table: Table) -> tuple[str, ...]:
    """Whether a table seems to have a word and its tag in each row, which is not how it is read."""
    names = {one.name.lower() for one in table.columns if one.kind in ("words", "class", "id")}
    if not names & set(WORD_COLUMNS) or not names & set(TAG_COLUMNS):
        return ()
    return (
        "words with a tag each are read from a file called .conll: on each line a word, a tab and "
        "its tag, and a blank line after each sentence",
    )


def _only_a_part(table: Table) -> tuple[str, ...]:
    """How far was looked, if not to the end: rows may be in the order of their labels."""
    return () if table.whole else (f"the first {table.rows:,} rows alone were looked at",)


def _with_encoding(data: dict[str, Any], table: Table) -> dict[str, Any]:
    encoding = table.options.encoding
    return data if encoding == "utf-8" else {**data, "encoding": encoding}


def _has_words(source: str) -> bool:
    """Whether a TSV file has a word and its tag in each line, and sentences of several words."""
    try:
        rows = see_rows(validate(EntityDataSettings, {"source": source}))
    except InputError:
        return False
    return rows.words(0.5) > 1


def _sentences(source: str, data: dict[str, Any], files: Files) -> Seen:
    """Tagged sentences, in whichever encoding they are. Raises InputError if they are none."""
    first: InputError | None = None
    for encoding in (
        [data["encoding"]] if "encoding" in data else encodings_of(files.files["train"])
    ):
        try:
            return _in_encoding(
                source, data if encoding == "utf-8" else {**data, "encoding": encoding}, files
            )
        except InputError as error:
            first = first or error
            if not isinstance(error.__cause__, UnicodeError):
                break
    assert first is not None
    raise first


def _in_encoding(source: str, data: dict[str, Any], files: Files) -> Seen:
    settings: DataSettings = validate(EntityDataSettings, {"source": source, **data})
    rows = see_rows(settings)
    train = files.files["train"]
    form = _TOLD.get(train.format, train.format)
    encoding = f", in {data['encoding']}" if "encoding" in data else ""
    said = [Said("file", _told_files(files, f"{form}, a tag for each word{encoding}"))]
    total = sum(rows.counts.values())
    said.append(Said("entities", f"{total:,} of {_told_counts(rows.counts)}"))
    others = []
    if train.format == "conll":
        others.append(Other("group", "document", "if -DOCSTART- lines mark documents"))
    return Seen(
        source=source, task="entities", data=data, others=tuple(others),
        said=(*said, *_told_rows(rows, "sentences")), rows=rows,
    )  # fmt: skip


def _texts(source: str, files: Files, table: Table) -> Seen:
    train = files.files["train"]
    doubts = (*table.notes, *table.doubts, *_word_in_a_row(table), *_only_a_part(table))
    roles = roles_of_columns(table.columns, source, doubts)
    data: dict[str, Any] = {"text": list(roles.text), "label": roles.label}
    options = table.options
    if table.headless:
        data["columns"] = list(options.names or ())
    if options.delimiter is not None:
        data["delimiter"] = table.delimiter
    if options.quoted is not None:
        data["quoted"] = options.quoted
    if options.encoding != "utf-8":
        data["encoding"] = options.encoding
    others = list(roles.others)
    if roles.time is not None and "test" in files.files:
        why = "the newest rows would be the test split, but the source has its own"
        others.append(Other("time", roles.time, why))
    elif roles.time is not None:
        data["time"] = roles.time
    rows = see_rows(validate(TextDataSettings, {"source": source, **data}))
    way = told_way(table, _TOLD.get(train.format, train.format))
    said = [Said("file", _told_files(files, way))]
    said += [one for one in roles.said if one.subject != "time" or "time" in data]
    said += [Said("note", note) for note in table.notes]
    said.append(Said("classes", _told_counts(rows.counts)))
    return Seen(
        source=source, task="text", data=data, others=tuple(others),
        said=(*said, *_told_rows(rows, "rows")), rows=rows,
    )  # fmt: skip


def _told_files(files: Files, way: str) -> str:
    def one(split: str, file: SourceFile) -> str:
        count = len(file.parts)
        more = f" and {counted(count - 1, 'more files')}" if count > 1 else ""
        return f"{split} {file.name}{more}"

    found = ", ".join(one(split, file) for split, file in files.files.items())
    cut = [split for split in ("valid", "test") if split not in files.files]
    verb = "is" if len(cut) == 1 else "are"
    return f"{found}; {way}" + (f"; {' and '.join(cut)} {verb} cut from train" if cut else "")


def _told_counts(counts: Mapping[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    said = ", ".join(f"{shown(name, 30)} {count:,}" for name, count in ranked[:8])
    return f"{len(ranked)}: {said}" + (", …" if len(ranked) > 8 else "")


def _told_rows(rows: Rows, unit: str) -> list[Said]:
    counted = ", ".join(f"{count:,} {unit} in {split}" for split, count in rows.rows.items())
    more = "" if rows.whole else " (as far as was looked; there are more)"
    said = [Said("rows", counted + more)]
    if rows.first:
        said.append(Said("dates", f"from {rows.first} to {rows.last}"))
    half, most = rows.words(0.5), rows.words(0.95)
    said.append(Said("lengths", f"half of them have at most {half:,} words, 95 % at most {most:,}"))
    said.append(Said("languages", rows.told_languages()))
    return said + [Said("note", note) for note in rows.notes]
