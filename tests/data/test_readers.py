"""Readers of files: what was written is read back, and what cannot be read is an InputError."""

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from nightloom.data.build import build_dataset
from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.known import TABLE_FORMATS, TOKEN_FORMATS
from nightloom.data.formats.tables import TableColumns, read_table
from nightloom.data.formats.tagged_rows import read_sentences
from nightloom.data.labels.tag_schemes import SCHEMES
from nightloom.data.sources.folders import look_into
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings

ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
LABELS = st.sampled_from(["a", "B c", "é", "-1", "0"])
ROWS = st.lists(st.tuples(LABELS, ANY, ANY), min_size=1, max_size=12)
TAGS = st.sampled_from(["O", "B-PER", "I-PER", "I-A-B", "L-é", "U-X"])


@contextmanager
def file_of(data: bytes, name: str) -> Iterator[SourceFile]:
    """`data` as a training file called `name`, compressed where the name ends in gz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        formats = TOKEN_FORMATS if ".conll" in name else TABLE_FORMATS
        yield look_into(str(path), formats).files["train"]


def rows_of(file: SourceFile, columns: TableColumns) -> list[tuple[str, str]]:
    batches = list(read_table(file, columns))
    numbers = [number for batch in batches for number in batch.numbers]
    assert numbers == sorted(set(numbers))
    return [pair for batch in batches for pair in zip(batch.labels, batch.texts, strict=True)]


@given(
    rows=ROWS,
    name=st.sampled_from(["d.csv", "d.tsv", "d.csv.gz", "D.CSV"]),
    header=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "UTF8"]),
    last=st.booleans(),
)
def test_csv_written_and_read(
    rows: list[tuple[str, str, str]],
    name: str,
    header: bool,
    newline: str,
    encoding: str,
    last: bool,
) -> None:
    buffer = io.StringIO()
    delimiter = "\t" if "tsv" in name else ","
    writer = csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=newline)
    names = ("label", "title", "body")
    writer.writerows([names, *rows] if header else rows)
    text = buffer.getvalue() if last else buffer.getvalue().removesuffix(newline)
    columns = TableColumns(
        text=("title", "body"),
        label="label",
        names=None if header else names,
        encoding=encoding.removesuffix("-sig"),
    )
    with file_of(text.encode(encoding), name) as file:
        read = rows_of(file, columns)
    assert read == [(label, " ".join(filter(None, parts))) for label, *parts in rows]


@given(rows=st.lists(st.tuples(LABELS, st.text("ab \"',;é", max_size=9)), min_size=1, max_size=9))
def test_fields_are_quoted_only_where_they_must_be(rows: list[tuple[str, str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    columns = TableColumns(text=("text",), label="label", names=("label", "text"))
    with file_of(buffer.getvalue().encode(), "d.csv") as file:
        assert rows_of(file, columns) == rows


@given(rows=ROWS, ascii_only=st.booleans(), newline=st.sampled_from(["\n", "\r\n", "\n \n"]))
def test_jsonl_written_and_read(
    rows: list[tuple[str, str, str]], ascii_only: bool, newline: str
) -> None:
    lines = [
        json.dumps({"more": [1], "label": label, "text": text}, ensure_ascii=ascii_only)
        for label, text, _ in rows
    ]
    columns = TableColumns(text=("text",), label="label")
    with file_of(newline.join(lines).encode(), "d.jsonl") as file:
        assert rows_of(file, columns) == [(label, text) for label, text, _ in rows]


@given(rows=ROWS, group=st.integers(1, 5), kind=st.sampled_from(["plain", "large", "dictionary"]))
def test_parquet_written_and_read(rows: list[tuple[str, str, str]], group: int, kind: str) -> None:
    texts = pa.array([text for _, text, _ in rows], pa.string())
    if kind == "large":
        texts = texts.cast(pa.large_string())
    elif kind == "dictionary":
        texts = texts.dictionary_encode()
    sink = io.BytesIO()
    table = pa.table({"label": [label for label, _, _ in rows], "text": texts})
    pq.write_table(table, sink, row_group_size=group)
    with file_of(sink.getvalue(), "d.parquet") as file:
        read = rows_of(file, TableColumns(text=("text",), label="label"))
    assert read == [(label, text) for label, text, _ in rows]


WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n\r \ufeff"),
    min_size=1,
    max_size=8,
).filter(lambda word: not word.startswith("-DOCSTART-"))
SENTENCES = st.lists(
    st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=5), min_size=1, max_size=6
)


@given(
    sentences=SENTENCES,
    separator=st.sampled_from([" ", "\t", "   "]),
    between=st.integers(0, 3),
    newline=st.sampled_from(["\n", "\r\n"]),
    blank=st.sampled_from(["", "  ", "\t"]),
    document=st.booleans(),
    last=st.booleans(),
)
def test_conll_written_and_read(
    sentences: list[list[tuple[str, str]]],
    separator: str,
    between: int,
    newline: str,
    blank: str,
    document: bool,
    last: bool,
) -> None:
    lines: list[str] = []
    starts = []
    for number, sentence in enumerate(sentences):
        if document and number % 2 == 0:
            lines += ["-DOCSTART- -X- O O", blank]
        starts.append(len(lines) + 1)
        lines += [separator.join([word, *["NN"] * between, tag]) for word, tag in sentence]
        lines += [blank] * (1 + number % 2)
    text = newline.join(lines) + newline
    with file_of((text if last else text.rstrip()).encode(), "d.conll") as file:
        batches = list(read_sentences(file))
    read = [
        list(zip(tokens, tags, strict=True))
        for batch in batches
        for tokens, tags in zip(batch.tokens, batch.tags, strict=True)
    ]
    assert read == sentences
    assert [start for batch in batches for start in batch.starts] == starts


@given(sentences=SENTENCES)
def test_tagged_jsonl_written_and_read(sentences: list[list[tuple[str, str]]]) -> None:
    rows = [
        {"tokens": [word for word, _ in sentence], "tags": [tag for _, tag in sentence]}
        for sentence in sentences
    ]
    with file_of("\n".join(map(json.dumps, rows)).encode(), "d.jsonl") as file:
        (batch,) = read_sentences(file)
    found = zip(batch.tokens, batch.tags, strict=True)
    assert [{"tokens": tokens, "tags": tags} for tokens, tags in found] == rows


VALID = {
    "csv": b'label,text\na,"x ""y"", z"\nb,t\na,u\nb,v\na,w\nb,x\n',
    "tsv": b"label\ttext\na\tone\nb\ttwo\na\tthree\nb\tfour\na\tfive\nb\tsix\n",
    "jsonl": b'{"label": 1, "text": "a", "tokens": ["a", "b"], "tags": ["B-X", "O"]}\n'
    b'{"label": 0, "text": "b\\u00e9", "tokens": ["c"], "tags": ["I-X"]}\n' * 3,
    "txt": b"-DOCSTART- O\n\nAnna B-PER\nRay I-PER\n\nin O\nRome B-LOC\n\nx U-X\n" * 3,
}
"""A good file of each kind, for mutation: what is nearly right finds more than what is random."""


def as_parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"label": ["a", "b"] * 5, "text": ["x", "y"] * 5}), sink)
    return sink.getvalue()


VALID["parquet"] = as_parquet()
VALID["csv.gz"] = gzip.compress(VALID["csv"], mtime=0)
PIECES = [*(bytes([code]) for code in b'\0\xff\r\n"\t ,{\\'), b"\n\n", b"[[", b"9" * 99]


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """`usual` in three of four cases."""
    return st.sampled_from([usual] * 3 * len(others) + list(others))


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with bytes removed, replaced and put in at a few places."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.integers(0, 3))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3))
        data = data[:at] + piece + data[at + gone :]
    return data[: draw(st.integers(0, len(data)))] if draw(mostly(False, True)) else data


def files(*kinds: str) -> st.SearchStrategy[tuple[str, bytes]]:
    """The end of a file's name and what is in it: damaged, or nothing that was ever good."""
    junk = st.binary(max_size=200) | st.text('ab,"\t\n\r{}[]:0BIO- ', max_size=100).map(str.encode)
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.tuples(st.just(kind), damaged(VALID[kind]) | damaged(VALID[kind]) | junk)
    )


@given(
    named=files("csv", "csv.gz", "tsv", "jsonl", "parquet"),
    columns=mostly(None, "label,text", "text,label,more"),
    encoding=mostly("utf-8", "utf-16", "latin-1", "utf-7", "gb18030", "iso2022_jp"),
    quoted=mostly(True, False),
    names=mostly(None, "a,b", "b,a,c"),
)
def test_any_file_gives_rows_or_an_input_error(
    named: tuple[str, bytes], columns: str | None, encoding: str, quoted: bool, names: str | None
) -> None:
    of_texts = {"columns": columns, "quoted": quoted, "label_names": names, "encoding": encoding}
    build_or_refuse(named, build_dataset, TextDataSettings, of_texts)


@given(
    named=files("txt", "jsonl"),
    columns=mostly(None, "word,ner", "ner,word", "a,b,c,d"),
    encoding=mostly("utf-8", "utf-16", "latin-1"),
    scheme=st.sampled_from(["auto", *SCHEMES]),
    invalid_tags=mostly("repair", "refuse"),
)
def test_any_file_gives_sentences_or_an_input_error(
    named: tuple[str, bytes], columns: str | None, encoding: str, scheme: str, invalid_tags: str
) -> None:
    of_entities = {
        "columns": columns,
        "encoding": encoding,
        "scheme": scheme,
        "invalid_tags": invalid_tags,
    }
    build_or_refuse(named, build_dataset, EntityDataSettings, of_entities)


def build_or_refuse(named: tuple[str, bytes], build: Any, make: Any, values: Any) -> None:
    kind, content = named
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in", Path(folder) / "out"
        source.mkdir()
        (source / f"train.{kind}").write_bytes(content)
        message = ""
        try:
            facts = build(make(source=str(source), **values), out)
        except InputError as error:
            message = str(error)
        event("refused" if message else "read")
        if message:
            assert "\n" not in message
            assert message.isprintable()
            assert not (out / "dataset.json").exists()
        else:
            assert json.loads((out / "dataset.json").read_text("utf-8")) == facts
            assert min(facts["rows"].values()) > 0
        assert not (out / ".staging").exists()


def test_rows_say_the_line_at_which_they_start() -> None:
    data = b'label,text\r\na,"one\r\ntwo\nthree"\n\nb,x\rc,y\n'
    with file_of(data, "d.csv") as file:
        (batch,) = read_table(file, TableColumns(text=("text",), label="label"))
    assert batch.numbers == [2, 6, 7]


@pytest.mark.parametrize("size", [1_000_000, 5_000_000])
def test_a_text_of_a_million_letters(size: int) -> None:
    text = ("letter " * (size // 7 + 1))[:size]
    for name, data in (
        ("d.csv", f'label,text\na,"{text}"\n'),
        ("d.csv.gz", f"label,text\na,{text}\n"),
        ("d.jsonl", json.dumps({"label": "a", "text": text})),
    ):
        with file_of(data.encode(), name) as file:
            assert rows_of(file, TableColumns(text=("text",), label="label")) == [("a", text)]
