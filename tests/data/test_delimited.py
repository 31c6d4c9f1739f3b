"""CSV and TSV files as other tools write them: delimiters, quotes, and lines that add up."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloom.data.build import build_dataset
from nightloom.data.formats.delimited import Tally
from nightloom.data.formats.dialect import TableOptions
from nightloom.data.formats.format import Records
from nightloom.data.formats.known import TABLE_FORMATS
from nightloom.data.formats.tables import TableColumns, read_records, read_table, texts_of
from nightloom.data.sources.folders import look_into
from nightloom.errors import InputError
from nightloom.settings.data import TextDataSettings
from tests.data.test_readers import file_of, rows_of

PAIR = TableColumns(text=("text",), label="label")
ROWS = [(f"row {n}, with a comma; and more|", "ab"[n % 2]) for n in range(12)]


def written(delimiter: str, rows: list[Any], *, quoting: Any = csv.QUOTE_MINIMAL) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.csv.gz"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_header_tells_the_delimiter(delimiter: str, name: str, quoting: Any) -> None:
    data = written(delimiter, [("id", "text", "label"), *((1, *row) for row in ROWS)])
    tally = Tally()
    with file_of(data.encode(), name) as file:
        (batch,) = read_table(file, PAIR, tally=tally)
    assert list(zip(batch.texts, batch.labels, strict=True)) == ROWS
    usual = "\t" if "tsv" in name else ","
    assert ("data.delimiter" in tally.told) == (delimiter != usual)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_without_a_header_tell_the_delimiter(delimiter: str) -> None:
    columns = TableColumns(text=("text",), label="label", names=("text", "label"))
    data = written(delimiter, ROWS, quoting=csv.QUOTE_ALL)
    with file_of(data.encode(), "d.csv") as file:
        assert rows_of(file, columns) == [(label, text) for text, label in ROWS]


def test_commas_of_sentences_are_no_delimiters() -> None:
    """By commas, too, each row has two fields."""
    data = "".join(f"row {n}, with a comma;{'ab'[n % 2]}\n" for n in range(12))
    columns = TableColumns(text=("text",), label="label", names=("text", "label"))
    with file_of(data.encode(), "d.csv") as file:
        read = rows_of(file, columns)
    assert read == [("ab"[n % 2], f"row {n}, with a comma") for n in range(12)]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;\r", "sep=;;"])
def test_a_first_line_states_the_delimiter(first: str) -> None:
    data = f"\ufeff{first}\ntext;label\na, b;x\n" + "c;y\n"
    tally = Tally()
    with file_of(data.encode(), "d.csv") as file:
        (batch,) = read_table(file, PAIR, tally=tally)
    assert (batch.texts, batch.labels, batch.numbers) == (["a, b", "c"], ["x", "y"], [3, 4])
    assert (tally.lines, tally.header, tally.rows) == (4, 2, 2)


def test_a_stated_delimiter(tmp_path: Path) -> None:
    rows = "".join(f"{n},x;{'ab'[n % 2]}\n" for n in range(30))
    (tmp_path / "train.csv").write_text(rows)
    for given_as, label_of in (("semicolon", {"a", "b"}), (";", {"a", "b"}), ("comma", None)):
        settings = TextDataSettings(source=str(tmp_path), columns="text,label", delimiter=given_as)
        facts = build_dataset(settings, tmp_path / given_as)
        assert set(facts["label_names"]) == (label_of or {"x;a", "x;b"})
        assert "notes" not in facts, "who set it knows it"


@pytest.mark.parametrize("blank, name", [("\t", "tab"), (" ", "space")])
def test_a_blank_delimiter_is_one_and_no_lack_of_it(blank: str, name: str) -> None:
    """A shell's $'\\t', and "\\t" in a YAML file, are a tab."""
    assert TextDataSettings(source="d.csv", delimiter=blank).delimiter == name
    assert TextDataSettings(source="d.csv", delimiter="").delimiter is None


def test_one_column_with_commas_inside() -> None:
    """As it is given to predict: no label, and commas that are none."""
    data = 'text\n"a, b"\n"c; d"\ne;f\n'
    with file_of(data.encode(), "d.csv") as file:
        (found,) = read_records(file, ("text",), TableOptions())
    assert texts_of(found, ("text",), "d.csv") == ["a, b", "c; d", "e;f"]


def test_values_as_they_are_and_columns_in_the_order_asked_for(tmp_path: Path) -> None:
    expected = Records([("7", "", "t"), ("8", "b", "u")], [2, 3])
    with file_of(b"text,id,body,more\nt,7,,x\nu,8,b,x\n", "d.csv") as file:
        assert list(read_records(file, ("id", "body", "text"), TableOptions())) == [expected]
    with file_of(b'[{"text": "t", "id": 7},\n\n {"id": null, "text": "u"}]', "d.json") as file:
        (found,) = read_records(file, ("id", "text"), TableOptions())
    assert found == Records([(7, "t"), (None, "u")], [1, 3])


TEXTS = st.text(st.sampled_from("ab ,;\n\"\t'"), max_size=12)


@given(
    rows=st.lists(st.tuples(TEXTS, st.sampled_from(["label one", "label two"])), min_size=1),
    name=st.sampled_from(["d.csv", "d.tsv"]),
    quoted=st.booleans(),
)
def test_lines_add_up(rows: list[tuple[str, str]], name: str, quoted: bool) -> None:
    """What is written by the rules is read back, whatever lines it holds, and each is counted."""
    delimiter = "\t" if name == "d.tsv" else ","
    if delimiter == "\t" and not quoted:
        rows = [(text.replace("\t", " "), label) for text, label in rows]
    data = written(delimiter, [("text", "label"), *rows])
    columns = TableColumns(text=("text",), label="label", quoted=True if quoted else None)
    tally = Tally()
    with file_of(data.encode(), name) as file:
        batches = list(read_table(file, columns, tally=tally))
    assert [pair for b in batches for pair in zip(b.texts, b.labels, strict=True)] == rows
    assert tally.lines == data.count("\n")
    assert tally.lines == tally.rows + tally.header + tally.blank + tally.joined
    assert tally.rows == len(rows)


@given(
    ends=st.lists(st.sampled_from(["", "start", "end", "both"]), min_size=1, max_size=15),
    columns=st.sampled_from([("text", "label"), ("label", "text"), ("text", "label", "id")]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_no_row_is_swallowed(ends: list[str], columns: tuple[str, ...], delimiter: str) -> None:
    """Where quotes are characters, each line is a row, or the reader stops and says so."""
    rows = []
    for number, end in enumerate(["", "", "", *ends]):
        start, close = '"' * (end in ("start", "both")), '"' * (end in ("end", "both"))
        text = f"{start}so it goes {number}{close}"
        row = {"text": text, "label": "abc"[number % 3], "id": str(number)}
        rows.append([row[name] for name in columns])
    data = "\n".join(delimiter.join(row) for row in [columns, *rows])
    name = "d.tsv" if delimiter == "\t" else "d.csv"
    with file_of(data.encode(), name) as file:
        try:
            read, message = len(rows_of(file, PAIR)), ""
        except InputError as error:
            read, message = len(rows), str(error)
        assert read == len(rows)
        assert not message or "data.quoted=false" in message
        assert len(rows_of(file, replace(PAIR, quoted=False))) == len(rows)


def test_lone_quotes_with_the_remedy(tmp_path: Path) -> None:
    rows = [('"start here', "a"), ("mid", "b"), ("mid two", "b"), ('end here"', "a")]
    rows += [(f"row {n}", "ab"[n % 2]) for n in range(10)]
    (tmp_path / "train.tsv").write_text("\n".join("\t".join(r) for r in [("text", "label"), *rows]))
    settings = TextDataSettings(source=str(tmp_path), quoted="false")  # type: ignore[arg-type]
    facts = build_dataset(settings, tmp_path / "out")
    assert sum(facts["rows"].values()) == 14
    together = TextDataSettings(source=str(tmp_path), quoted=True)
    assert sum(build_dataset(together, tmp_path / "one")["rows"].values()) == 11


def test_line_breaks_within_quotes_are_counted_and_told(tmp_path: Path) -> None:
    rows = [(f"Hello {n},\n\nmy printer, again\nBye", "ab"[n % 2]) for n in range(12)]
    (tmp_path / "train.csv").write_text(written(",", [("text", "label"), *rows]))
    facts = build_dataset(TextDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert sum(facts["rows"].values()) == 12
    assert facts["notes"] == ["train.csv: 12 rows in 49 lines; 36 line breaks are within quotes"]


def test_what_is_true_of_many_files_is_told_once(tmp_path: Path) -> None:
    for day in range(1, 5):
        rows = [(f"Hello {day}{n}," + "\nBye" * (day != 2), "ab"[n % 2]) for n in range(12)]
        text = written(";" if day != 3 else ",", [("text", "label"), *rows])
        (tmp_path / f"d{day}.csv").write_text(text)
    facts = build_dataset(TextDataSettings(source=str(tmp_path / "d*.csv")), tmp_path / "out")
    assert facts["notes"] == [
        "train is read from 4 files: d1.csv, d2.csv, d3.csv, d4.csv",
        "d1.csv and 2 more files: fields are separated by the semicolon ';' (data.delimiter)",
        "d1.csv and 2 more files: 36 rows in 75 lines; 36 line breaks are within quotes",
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "utf-8-sig"])
def test_encodings_stated(encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    data = f"{mark}text;label\rcafé;x\rthé;y\r".encode(encoding)
    (tmp_path / "d.csv").write_bytes(data)
    file = look_into(str(tmp_path / "d.csv"), TABLE_FORMATS).files["train"]
    columns = TableColumns(text=("text",), label="label", encoding=encoding)
    assert rows_of(file, columns) == [("x", "café"), ("y", "thé")]


@pytest.mark.parametrize("rows", [1, 3, 2000])
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_in_a_json_file(rows: int, indent: int | None) -> None:
    import json

    made = [{"text": f"t[{n}],\n{{é", "label": n, "more": [{}, []]} for n in range(rows)]
    with file_of(json.dumps(made, indent=indent).encode(), "d.json") as file:
        batches = list(read_table(file, PAIR))
    read = [pair for b in batches for pair in zip(b.texts, b.labels, strict=True)]
    assert read == [(row["text"], str(row["label"])) for row in made]
    if indent:
        assert [n for b in batches for n in b.numbers][:2] == [2, 10][:rows]
