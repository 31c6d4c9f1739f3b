"""Files to be predicted on, as properties: what was written is read, in order, or refused."""

import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from nightloom.data.formats.dialect import TableOptions
from nightloom.data.formats.files import SourceFile
from nightloom.data.inputs.columns import Reading
from nightloom.data.inputs.texts import as_input, read_inputs
from nightloom.errors import InputError

PAIR = Reading(text=("subject", "body"), options=TableOptions(quoted=True))
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ODD = st.text(st.sampled_from("ab ,;\n\r\"\t\ufeff'é"), max_size=12)
PAIRS = st.lists(st.tuples(ANY | ODD, ANY | ODD), min_size=1, max_size=8)


@contextlib.contextmanager
def file_of(data: bytes, name: str) -> Iterator[SourceFile]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        yield as_input(path, None)


def read(file: SourceFile, reading: Reading) -> tuple[list[str], list[object]]:
    given = list(read_inputs(file, reading, lambda line: None))
    return [text for one in given for text in one.texts], [i for one in given for i in one.ids]


def joined(pairs: list[tuple[str, str]]) -> list[str]:
    return [" ".join(filter(None, pair)) for pair in pairs]


@given(pairs=PAIRS, name=st.sampled_from(["x.csv", "x.tsv", "x.jsonl", "x.json", "x.parquet"]))
def test_tables_give_what_was_written(pairs: list[tuple[str, str]], name: str) -> None:
    ids = [str(number) for number in range(len(pairs))]
    rows = [
        {"subject": subject, "id": number, "body": body}
        for (subject, body), number in zip(pairs, ids, strict=True)
    ]
    if name == "x.parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        data = bytes(sink.getvalue().to_pybytes())
    elif name == "x.jsonl":
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    elif name == "x.json":
        data = json.dumps(rows, ensure_ascii=False).encode()
    else:
        text = io.StringIO()
        delimiter = "\t" if name == "x.tsv" else ","
        writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerow(list(rows[0]))
        writer.writerows(row.values() for row in rows)
        data = text.getvalue().encode()
    with file_of(data, name) as file:
        assert read(file, PAIR) == (joined(pairs), ids)


@given(lines=st.lists(ODD.map(lambda text: text.replace("\n", "")), min_size=1, max_size=8))
def test_every_line_is_a_text(lines: list[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    with file_of(data, "x.txt") as file:
        texts, ids = read(file, Reading())
    assert ids == []
    assert len(texts) == len(lines)
    lines[0] = lines[0].removeprefix("\ufeff").removeprefix("\ufeff")  # a mark, or two
    assert texts == [line.removesuffix("\r") for line in lines]


@given(
    data=st.binary(max_size=60) | ODD.map(str.encode),
    name=st.sampled_from(
        ["x.csv", "x.tsv", "x.jsonl", "x.json", "x.parquet", "x.txt", "x.conll", "x.txt.gz"]
    ),
    words=st.booleans(),
)
def test_any_bytes_are_read_or_refused(data: bytes, name: str, words: bool) -> None:
    texts, ids = [], []
    with file_of(data, name) as file, contextlib.suppress(InputError):
        texts, ids = read(file, Reading(words=words))
    assert len(ids) in (0, len(texts))
