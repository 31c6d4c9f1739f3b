"""`nightloom predict` reads files as training does and gives an answer for each text, in order."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.answers import about

PROGRAM = Path(__file__).with_name("predicting.py")
TICKETS = [
    (f"T-{n}", f"subject, {n}", f'line "{n}"\nsecond\r\nline; é{"" if n % 3 else chr(10)}', "open")
    for n in range(1000)
]
"""Texts with line breaks, quotes and commas; some end in a line break."""
JOINED = [f"{subject} {body}" for _, subject, body, _ in TICKETS]
LINES = "one\n\n   \nWith CAPITALS\r\nlast"


def table(rows: list[tuple[Any, ...]], delimiter: str = ",") -> str:
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return sink.getvalue()


def parquet(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


SUBJECTS, BODIES = ["s1", "s2", None], ["b1", "", "b3"]
CSV = table([("id", "subject", "body", "queue"), *TICKETS])
HALVES = table([("subject", "body"), ("S", "B")])
FILES: dict[str, str | bytes] = {
    "tickets.csv": CSV,
    "tickets.csv.gz": gzip.compress(CSV.encode()),
    "tickets.tsv": table([("id", "subject", "body", "queue"), *TICKETS], "\t"),
    "semicolons.csv": table([("queue", "body", "subject", "id"), ("q", "b", "s", "7")], ";"),
    "mark.csv": "\ufeff" + HALVES,
    "header.csv": "id,subject,body\n",
    "blank.csv": 'text\na\n\n""\nb\n',
    "text.csv": "nr,text\n1,only text\n2,\n",
    "headless.csv": "B1,S1\nB2,S2\n",
    "other.csv": "titel,inhalt\na,b\n",
    "cp1252.csv": "subject,body\nGr\xfc\xdfe,x\n".encode("cp1252"),
    "tickets.jsonl": "".join(
        json.dumps({"id": n, "subject": f"s{n}", "body": None if n else "b", "queue": "q"}) + "\n"
        for n in range(3)
    ),
    "texts.jsonl": '{"text": "a", "nr": 1}\n\n{"text": "b", "nr": 2, "id": 3}\n',
    "strings.jsonl": '"a"\n"b \\n c"\n',
    "tickets.parquet": parquet(subject=SUBJECTS, body=BODIES, id=[3, 2, 1], queue=["q"] * 3),
    "lines.txt": LINES,
    "mark.txt": b"\xef\xbb\xbfone\nlast\n",
    "lines.txt.gz": gzip.compress(LINES.encode()),
    "empty.txt": "",
    "utf16.txt": LINES.encode("utf-16"),
    "words.jsonl": '{"tokens": ["Ada", "Lind"], "tags": ["O", "O"]}\n{"tokens": [], "tags": []}\n',
    "array.json": '[{"subject": "a", "body": "b"},\n {"subject": null, "body": "c"}]',
    "words.tsv": "id\ttext\n1\tAda Lind\n",
    "tags.tsv": "Ada\tB-PER\nLind\tI-PER\n",
    "words.conll": "Ada B-PER\nLind I-PER\n\nOslo O\n",
    "packed.txt": gzip.compress(LINES.encode()),
    "picture.txt": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0",
    "zip.csv": b"PK\x03\x04\x14\0\0\0\x08\0\x9a\x8d" + bytes(20),
    "table.txt": parquet(text=["a"]),
    "text.parquet": "subject,body\na,b\n",
    "not.txt.gz": LINES,
    "latin.txt": "caf\xe9\n".encode("latin-1"),
    "quotes.csv": '"subject"x,body\na,b\n',
    "ragged.csv": HALVES + "only\n",
    "broken.jsonl": '{"subject": "a", "body": "b"}\n{"subject": "a"\n',
    "lacking.jsonl": '{"subject": "a", "body": "b"}\n{"subject": "a", "bodi": "b"}\n',
    "nothing.csv": "",
    "surrogate.jsonl": '{"text": "a"}\n{"text": "\\ud83d"}\n',
    "nul.jsonl": '{"text": "a\\u0000"}\n',
    "mixed.jsonl": '{"subject": "a", "body": 3}\n',
    "mine.jsonl": "mine\n",
    "folder/x": "",
}


@dataclass(frozen=True)
class Case:
    """A command, its standard input, and what is to be looked at."""

    arguments: str
    stdin: str = ""
    output: str = ""
    """The file that it writes."""


CASES = {
    "a table": Case("tickets --input tickets.csv"),
    "a packed table": Case("tickets --input tickets.csv.gz"),
    "tabs": Case("tickets --input tickets.tsv"),
    "to a table": Case("tickets --input tickets.csv --output out.csv", output="out.csv"),
    "to tabs": Case("tickets --input tickets.csv --output out.tsv", output="out.tsv"),
    "to parquet": Case("tickets --input tickets.csv --output out.parquet", output="out.parquet"),
    "to lines": Case("tickets --input tickets.csv --output out.jsonl", output="out.jsonl"),
    "semicolons": Case("tickets --input semicolons.csv"),
    "semicolons named": Case("tickets --input semicolons.csv --set data.delimiter=semicolon"),
    "a mark": Case("tickets --input mark.csv"),
    "a header alone": Case(
        "tickets --input header.csv --id id --output none.csv", output="none.csv"
    ),
    "a header to parquet": Case(
        "tickets --input header.csv --id id --output no.parquet", output="no.parquet"
    ),
    "column text": Case("tickets --input text.csv --id nr"),
    "blank lines": Case("old --input blank.csv"),
    "no header": Case("tickets --input headless.csv --set data.columns=body,subject"),
    "other columns": Case("tickets --input other.csv --set data.text=titel,inhalt"),
    "an encoding": Case("tickets --input cp1252.csv --set data.encoding=cp1252"),
    "objects": Case("tickets --input tickets.jsonl"),
    "objects with text": Case("tickets --input texts.jsonl"),
    "strings": Case("tickets --input strings.jsonl"),
    "parquet": Case("tickets --input tickets.parquet --output ids.parquet", output="ids.parquet"),
    "lines": Case("tickets --input lines.txt"),
    "lines with a mark": Case("tickets --input mark.txt"),
    "packed lines": Case("tickets --input lines.txt.gz"),
    "no lines": Case("tickets --input empty.txt"),
    "no bytes": Case("tickets --input nothing.csv --output empty.csv", output="empty.csv"),
    "lines in utf-16": Case("tickets --input utf16.txt --set data.encoding=utf-16"),
    "standard input": Case("tickets -", stdin=LINES),
    "a table on standard input": Case("tickets --input - --format csv", stdin=HALVES),
    "a pipe": Case("tickets --input pipe.csv"),
    "several": Case("tickets first - --input mark.csv --input tickets.jsonl", stdin="x\n\ny"),
    "an old version": Case("old --input mark.csv"),
    "a version of others": Case("foreign --input text.csv"),
    "entities of lines": Case("names --input lines.txt --output names.csv", output="names.csv"),
    "entities of words": Case("names --input words.jsonl"),
    "an array": Case("tickets --input array.json"),
    "entities of a table": Case("names --input words.tsv"),
    "entities of a table of words": Case("names --input tags.tsv --format conll"),
    "entities of columns": Case("names --input words.conll"),
    "entities to parquet": Case("names --input lines.txt --output n.parquet", output="n.parquet"),
    "a name of a file": Case("tickets empty.txt"),
}
WRONG = {
    "tickets --input packed.txt": "packed.txt is gzip data; give it a name ending in .gz",
    "tickets --input picture.txt": "picture.txt is a PNG picture",
    "tickets --input zip.csv": "zip.csv is a zip archive",
    "tickets --input table.txt": "table.txt is a Parquet file; give it a name ending in .parq",
    "tickets --input utf16.txt": "is text in utf-16; set data.encoding=utf-16",
    "tickets --input text.parquet": "expected a Parquet file, got no Parquet data",
    "tickets --input not.txt.gz": "not.txt.gz: broken gzip data",
    "tickets --input latin.txt": "latin.txt:1: expected utf-8, got byte 0xe9",
    "tickets --input latin.txt --set data.encodin=x": "did you mean data.encoding?",
    "tickets --input latin.txt --set data.encoding=x": "data.encoding=x is not a text encoding",
    "tickets --input quotes.csv": "quotes.csv: the header cannot be read",
    "tickets --input mark.csv --set data.columns=subject,body": "which data.columns repeats: leave",
    "odd --input mark.csv": "the version's tag nightloom.reading (how to read",
    "tickets --input ragged.csv": "ragged.csv:3: expected 2 fields",
    "tickets --input broken.jsonl": "broken.jsonl:2: expected one JSON object",
    "tickets --input lacking.jsonl": "lacking.jsonl:2: no column 'body' (--set data.text), which "
    "the rows before have; its columns are: subject, bodi; did you mean 'bodi'?; give it to",
    "tickets --input lacking.jsonl --id body": "lacking.jsonl:2: no column 'body' (--id), which",
    "tickets --input semicolons.csv --set data.delimiter=bar": "the columns are: "
    "queue;body;subject;id; --set data.delimiter=... says what separates them",
    "tickets --input surrogate.jsonl": "surrogate.jsonl:2: the text holds half of a surrogate",
    "tickets caf\udce9": "expected texts in UTF-8, got 'caf\\udce9', whose character 4 is not",
    "tickets --input nul.jsonl": "nul.jsonl:1: the text holds a NUL",
    "tickets --input mixed.jsonl": "mixed.jsonl:1: 'body' must be a string, got int 3",
    "tickets --input other.csv": "no column 'subject', of which the training texts were made",
    "tickets --input headless.csv": "the columns are: B1, S1",
    "tickets --input other.csv --set data.text=titl": "did you mean 'titel'?",
    "tickets --input tickets.csv --id ids": "no column 'ids' (--id); the columns are: id,",
    "tickets --input tickets.csv --id label": "the answers already have a column 'label'",
    "tickets --input words.conll": "this model takes texts",
    "tickets --input https://example.org/a.csv": "is not fetched; download the file",
    "tickets x --output s3://bucket/a.csv": "cannot be uploaded to; name a local file",
    "tickets --input nowhere.csv": "cannot read nowhere.csv: No such file or directory",
    "tickets --input ticket.csv": "did you mean tickets.csv?",
    "tickets --input loop.csv": "loop.csv: Too many levels of symbolic links; ",
    "tickets --input folder": "folder is a directory; name its files, each with --input",
    "tickets --input tickets.csv mark.csv": "expected --input before each file, got mark.csv",
    "tickets --input - -": "expected standard input (-) once",
    "tickets x --output .": "--output . is a directory",
    "tickets x --output folder": "--output folder is a directory",
    "tickets x --output no/where/a.csv": "there is no folder no/where; create it",
    "tickets x --output a.xlsx": "expected a file name ending in .jsonl, .csv, .tsv or .parquet",
    "tickets --input mine.jsonl --output mine.jsonl": "is also an --input",
    "tickets --input mine.jsonl --output folder/../mine.jsonl": "is also an --input",
    "old --input other.csv": "no column 'subject', of which the training texts were made",
    "tickets text --format csv": "got only texts on the command line; leave it out",
    "tickets text --set data.encoding=cp1252": "--set data.encoding says how lines, csv",
    "tickets --input lines.txt --id nr": "--id nr says how csv, tsv, jsonl, json, parquet is read",
    "tickets --input lines.txt --set data.text=a": "the input is lines; leave it out, or name",
    "tickets --input tickets.parquet --set data.delimiter=tab": "the input is parquet",
    "names --input tags.tsv": "no column 'text'; the columns are: Ada, B-PER; --format conll reads",
    "foreign --input other.csv": "no column 'text'; the columns are: titel, inhalt",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the commands name."""
    folder = tmp_path_factory.mktemp("input")
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.mkfifo(folder / "pipe.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    return folder


@pytest.fixture(scope="module")
def all_done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of every command, all in one process, by case or arguments."""
    named = {**CASES, **{arguments: Case(arguments) for arguments in WRONG}}
    commands = [
        {"arguments": ["predict", *case.arguments.split(" ")], "stdin": case.stdin}
        for case in named.values()
    ]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTLOOM_", "MLFLOW_"))}
    # a pipe is read once, when its turn comes
    feeder = subprocess.Popen(["sh", "-c", "cat mark.csv > pipe.csv"], cwd=folder)
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path_factory.mktemp("home"))],
        input=json.dumps(commands),
        env={**kept, "COLUMNS": "200"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    feeder.kill()
    feeder.wait()
    assert done.returncode == 0, done.stderr
    return dict(zip(named, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.fixture
def answers(all_done: dict[str, dict[str, Any]], folder: Path):
    """The answers of a case; of Parquet as a list of rows, of tables as a list of lists."""

    def of(case: str, *, err: str = "") -> list[Any]:
        done, output = all_done[case], CASES[case].output
        assert done["code"] == 0, done["err"]
        said = [line for line in done["err"].splitlines() if "are within quotes" not in line]
        assert "\n".join(said) == err
        assert [Path(name).name for name in done["wrote"] if Path(name) != folder] == [
            *([output] if output else [])
        ]
        path = folder / output
        if output.endswith(".parquet"):
            return list(pq.read_table(path).to_pylist())
        if output.endswith((".csv", ".tsv")):
            tab = "\t" if output.endswith(".tsv") else ","
            return list(csv.reader(io.StringIO(path.read_bytes().decode()), delimiter=tab))
        text = path.read_text("utf-8") if output else done["out"]
        return [json.loads(line) for line in text.split("\n")[:-1]]

    return of


def texts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["text"] for row in rows]


@pytest.mark.parametrize("case", ["a table", "a packed table", "tabs", "to lines", "to parquet"])
def test_a_table_is_read_by_the_columns_of_the_version(answers: Any, case: str) -> None:
    found = answers(case)
    assert texts(found) == JOINED
    assert [row["id"] for row in found] == [ticket[0] for ticket in TICKETS]


@pytest.mark.parametrize("case", ["to a table", "to tabs"])
def test_answers_as_a_table(answers: Any, case: str) -> None:
    header, *rows = answers(case)
    names = ["id", "text", "label", "probability", "calm", "label (class)", "urgent"]
    assert header == names
    assert [row[:2] for row in rows] == [
        [ticket[0], text] for ticket, text in zip(TICKETS, JOINED, strict=True)
    ]
    for row, same in zip(rows, answers("a table"), strict=True):
        assert row[2] == same["label"]
        assert [float(value) for value in row[4:]] == about(list(same["probabilities"].values()))
        assert float(row[3]) == max(float(value) for value in row[4:])


def test_lines_within_quotes_are_counted(all_done: dict[str, dict[str, Any]]) -> None:
    [said] = all_done["a table"]["err"].splitlines()
    lines = CSV.count("\n")
    assert said == (
        f"note: tickets.csv: 1,000 rows in {lines:,} lines; "
        f"{lines - 1001:,} line breaks are within quotes"
    )


def test_as_many_answers_as_lines(answers: Any) -> None:
    expected = ["one", "", "   ", "With CAPITALS", "last"]
    for case in ("lines", "packed lines", "lines in utf-16", "standard input"):
        assert texts(answers(case)) == expected, case
    empty = "note: {} has no rows, and so no answers"
    assert answers("no lines", err=empty.format("empty.txt")) == []
    assert answers("lines with a mark") == about([answers("lines")[0], answers("lines")[4]])


def test_columns_that_differ_from_training(answers: Any, folder: Path) -> None:
    told = "note: semicolons.csv: fields are separated by the semicolon ';' (data.delimiter)"
    assert texts(answers("semicolons", err=told)) == ["s b"]
    assert answers("semicolons", err=told)[0]["id"] == "7"
    assert texts(answers("semicolons named")) == ["s b"], "a choice of the user is not announced"
    assert texts(answers("a mark")) == ["S B"]
    empty = "note: {} has no rows, and so no answers"
    assert answers("a header to parquet", err=empty.format("header.csv")) == []
    [names] = answers("a header alone", err=empty.format("header.csv"))
    assert answers("no bytes", err=empty.format("nothing.csv")) == [names[1:]]
    assert names == pq.read_schema(folder / "no.parquet").names
    assert names[:4] == ["id", "text", "label", "probability"] and "urgent" in names
    note = (
        "note: text.csv has no column subject, body, of which the training texts were made; "
        "reading its column text"
    )
    found = answers("column text", err=note)
    assert texts(found) == ["only text", ""]
    assert [row["nr"] for row in found] == ["1", "2"]
    notes = [
        "note: blank.csv has no column subject, body, of which the training texts were made; "
        "reading its column text",
        "note: blank lines of blank.csv (1) are not rows, as in training",
    ]
    assert texts(answers("blank lines", err="\n".join(notes))) == ["a", "", "b"]
    assert texts(answers("no header")) == ["S1 B1", "S2 B2"]
    assert texts(answers("other columns")) == ["a b"]
    assert texts(answers("an encoding")) == ["Grüße x"]
    assert texts(answers("a table on standard input")) == ["S B"]
    assert texts(answers("a pipe")) == ["S B"]


def test_objects_and_parquet(answers: Any) -> None:
    found = answers("objects")
    assert texts(found) == ["s0 b", "s1", "s2"]
    assert [row["id"] for row in found] == [0, 1, 2]
    note = (
        "note: texts.jsonl has no column subject, body, of which the training texts were made; "
        "reading its column text"
    )
    assert texts(answers("objects with text", err=note)) == ["a", "b"]
    assert texts(answers("an array")) == ["a b", "c"]
    assert texts(answers("strings")) == ["a", "b \n c"]
    rows = answers("parquet")
    assert texts(rows) == ["s1 b1", "s2", "b3"]
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert all(isinstance(row["probability"], float) for row in rows)


def test_several_inputs_one_after_the_other(answers: Any) -> None:
    found = answers("several")
    assert texts(found) == ["first", "x", "", "y", "S B", "s0 b", "s1", "s2"]
    assert [row.get("id") for row in found] == [None] * 5 + [0, 1, 2]


def test_versions_that_do_not_tell_their_columns(answers: Any) -> None:
    assert texts(answers("an old version")) == ["S B"], "the parameters of its run tell them"
    note = (
        "note: the model does not name its text columns; reading column text of text.csv, "
        "--set data.text names others"
    )
    assert texts(answers("a version of others", err=note)) == ["only text", ""]


def test_entities(answers: Any) -> None:
    header, *rows = answers("entities of lines")
    assert header == ["text", "entities"]
    assert [row[0] for row in rows] == ["one", "", "   ", "With CAPITALS", "last"]
    assert json.loads(rows[0][1])[0]["end"] == 3
    assert json.loads(rows[1][1]) == []
    assert texts(answers("entities of words")) == ["Ada Lind", ""]
    assert answers("entities of a table")[0]["id"] == "1"
    assert texts(answers("entities of a table of words")) == ["Ada Lind"]
    assert texts(answers("entities of columns")) == ["Ada Lind", "Oslo"]
    found = answers("entities to parquet")
    assert [row["entities"] for row in found] == about([json.loads(row[1]) for row in rows])


def test_a_text_that_is_the_name_of_a_file(answers: Any) -> None:
    note = "note: taking 'empty.txt' as a text; --input empty.txt reads the file of that name"
    assert texts(answers("a name of a file", err=note)) == ["empty.txt"]


@pytest.mark.parametrize("arguments", list(WRONG))
def test_refused_in_one_line(
    arguments: str, all_done: dict[str, dict[str, Any]], folder: Path
) -> None:
    done = all_done[arguments]
    assert done["code"] == 2, done["err"]
    assert done["out"] == ""
    assert done["wrote"] == []
    *notes, line = done["err"].splitlines()
    assert all(note.startswith("note: ") for note in notes)
    assert line.startswith("error: ")
    assert line.isprintable()
    assert WRONG[arguments] in line
    assert (folder / "mine.jsonl").read_text() == "mine\n"
