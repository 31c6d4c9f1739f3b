"""Every wrong source or setting ends in one line that says what, where and what to do."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.data.build import build_dataset
from nightloom.data.sources.opened import source_identity
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings

Files = dict[str, bytes | str]
GOOD = "text,label\n" + "".join(f"t{n},{'ab'[n % 2]}\n" for n in range(20))
MORE = b"".join(b"%d,a\n" % (n**5) for n in range(9999))
CONLL = "a B-PER\nb O\n\n" * 10


def parquet(**columns: Any) -> bytes:
    return written(pa.table(columns))


def written(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


TEXT: list[tuple[str, Files, dict[str, Any], str]] = [
    ("no such path", {}, {"source": "nowhere.csv"}, "no such file or directory"),
    ("near name", {"train.csv": GOOD}, {"source": "trian.csv"}, "did you mean .*train.csv"),
    ("sample misspelt", {}, {"source": "smaple"}, "did you mean sample"),
    ("nobody's home", {}, {"source": "~no.such.user/x"}, "home directory"),
    ("no folder", {}, {"source": "no/where.csv"}, "does not exist either"),
    ("no train", {"test.csv": GOOD}, {}, "no training file.*holds: test.csv"),
    ("empty folder", {}, {}, "holds: nothing"),
    ("two trains", {"train.csv": GOOD, "train.tsv": GOOD}, {}, "train.csv and train.tsv"),
    ("two valids", {"train.csv": GOOD, "dev.csv": GOOD, "valid.csv": GOOD}, {}, "dev.csv and val"),
    ("unknown type", {"d.xlsx": "x"}, {"source": "d.xlsx"}, "unknown file type '.xlsx'"),
    ("json", {"d.json": "[]"}, {"source": "d.json"}, "d.json: no rows"),
    ("empty file", {"train.csv": ""}, {}, "train.csv is empty"),
    ("empty test", {"train.csv": GOOD, "test.csv": ""}, {}, "test.csv is empty"),
    ("header only", {"train.csv": "text,label\n"}, {}, "no rows after the header"),
    ("blank lines", {"train.csv": "\n\n\n"}, {}, "train.csv: only blank lines"),
    ("no text column", {"train.csv": "txt,label\na,b\n"}, {}, "no column 'text'.*mean 'txt'"),
    (
        "space in the header",
        {"train.csv": GOOD.replace(",label", ", label")},
        {},
        "no column 'label'.*are: text, ' label'; did you mean ' label'.*rename it in the file",
    ),
    (
        "letter that looks alike",
        {"train.csv": GOOD.replace("label", "l\u0430bel")},
        {},
        r"did you mean 'l\\u0430bel'",
    ),
    ("no label column", {"train.csv": "text,y\na,b\n"}, {}, "no column 'label'.*data.columns"),
    ("column twice", {"train.csv": "text,label,text\na,b,c\n"}, {}, "'text' 2 times"),
    ("ragged", {"train.csv": GOOD + "x\n"}, {}, "train.csv:22: expected 2 fields.*got 1"),
    ("too wide", {"train.csv": GOOD + "x,a,b\n"}, {}, "train.csv:22: expected 2 fields.*got 3"),
    (
        "columns do not fit",
        {"train.csv": GOOD},
        {"columns": "label,text,more"},
        "train.csv:1: expected 3 fields as in data.columns",
    ),
    ("open quote", {"train.csv": GOOD + '"x,a\ny,b\n'}, {}, "csv:22: the row .* never closed"),
    (
        "quote inside",
        {"train.csv": GOOD + '"x"y,a\n'},
        {},
        "train.csv:22: .* text after a closing quote",
    ),
    ("NUL", {"train.csv": GOOD + "x\0y,a\n"}, {}, "train.csv:22: a NUL character"),
    ("binary", {"train.csv": bytes(range(256)) * 9}, {}, "train.csv:2: .*got byte 0x80"),
    ("latin-1", {"train.csv": (GOOD + "caf\xe9,a\n").encode("latin-1")}, {}, "csv:22: .*0xe9"),
    (
        "utf-16",
        {"train.csv": GOOD.encode("utf-16")},
        {},
        "train.csv is text in utf-16; set data.encoding=utf-16",
    ),
    ("packed", {"train.csv": gzip.compress(GOOD.encode())}, {}, "is gzip data; .* ending in .gz"),
    ("Excel", {"train.csv": b"PK\x03\x04\x14[Content_Types].xml\xff\0"}, {}, "is an Excel or Wo"),
    ("picture", {"train.jsonl": b"\x89PNG\r\n\x1a\n\0\0"}, {}, "train.jsonl is a PNG picture"),
    ("Parquet", {"train.csv": parquet(text=["a"])}, {}, "a Parquet file; .* ending in .parquet"),
    ("not utf-16", {"train.csv": GOOD + "x"}, {"encoding": "utf-16"}, "csv:1: .*set data.enc"),
    ("broken gzip", {"train.csv.gz": gzip.compress(GOOD.encode() * 99)[:-90]}, {}, "broken gzip"),
    (
        "broken gzip, bad letters",
        {"train.csv.gz": gzip.compress(GOOD.encode() + b"\xe9,a\n" + MORE)[:-20]},
        {},
        "train.csv.gz:22: expected utf-8, got byte 0xe9",
    ),
    ("no gzip", {"train.csv.gz": GOOD}, {}, "broken gzip"),
    (
        "empty label",
        {"train.csv": GOOD + "x, \n"},
        {"unlabelled": "refuse"},
        "train.csv:22: the label is missing .empty.*data.unlabelled=leave_out",
    ),
    (
        "nan as a label",
        {"train.csv": GOOD + "x,nan\n"},
        {"unlabelled": "refuse"},
        "train.csv:22: the label is missing .'nan'",
    ),
    (
        "all texts empty",
        {"train.csv": "text,label\n,a\n \t,b\n"},
        {},
        "train.csv: all 2 training texts are empty",
    ),
    (
        "header and columns",
        {"train.csv": GOOD},
        {"columns": "text,label"},
        "train.csv:1: the file has a header",
    ),
    (
        "ragged JSONL",
        {"train.jsonl": '{"text": "a", "label": 1}\n{"text": "b"}'},
        {},
        "jsonl:2: no",
    ),
    (
        "semicolons, another header",
        {"train.csv": GOOD.replace(",", ";").replace("text", "txt")},
        {},
        "no column 'text'.*the columns are: txt, label; did you mean 'txt'.*data.delimiter",
    ),
    (
        "two delimiters fit",
        {"train.csv": "".join(f"{n},x;{n % 2}\n" for n in range(12))},
        {"columns": "text,label"},
        "split by comma or by semicolon, its first.*set data.delimiter=comma or data.del",
    ),
    (
        "lone quotes in TSV",
        {"train.tsv": 'text\tlabel\n"one\ta\ntwo\tb\nthree"\ta\n' + GOOD.replace(",", "\t")[11:]},
        {},
        "train.tsv:2: a quote opens here and closes in line 4; it would join 3 lines.*"
        "data.quoted=false.*data.quoted=true",
    ),
    (
        "lone quotes in CSV, known labels",
        {"train.csv": GOOD + '"one,a\ntwo",b\n'},
        {},
        "train.csv:22: a quote opens here and closes in line 23; it would join 2 lines",
    ),
    (
        "lone quotes before the labels are known",
        {"train.csv": 'text,label\n"one,a\ntwo",b\n' + GOOD[11:]},
        {},
        "train.csv:2: a quote opens here and closes in line 3",
    ),
    (
        "label of valid alone",
        {"train.csv": GOOD, "valid.csv": GOOD + "x,c\n", "test.csv": GOOD},
        {},
        "valid.csv:22: label 'c' is in 1 valid row",
    ),
    ("NUL in valid", {"train.csv": GOOD, "dev.csv": GOOD + "\0,a\n"}, {}, "dev.csv:22: a NUL"),
    ("one class", {"train.csv": "text,label\na,x\nb,x\n"}, {}, "all training rows have the lab"),
    (
        "label of test alone",
        {"train.csv": GOOD, "test.csv": GOOD + "x,c\nx,c\n"},
        {},
        "test.csv:22: label 'c' is in 2 test rows but in no training row",
    ),
    (
        "a comma in a name",
        {"train.csv": '"It\'s, text",label\nx,a\n'},
        {"text": "It's, text"},
        r"no column \"It's\".*columns are: \"It's, text\", label; a name with a comma is written "
        r"in brackets: data.text='\[\"It'\"'\"'s, text\"\]'",
    ),
    (
        "too few",
        {"train.csv": "text,label\n" + "x,a\n" * 9 + "y,b\nz,b\n"},
        {},
        "class 'b' has 2 training rows, and fewer than two classes have more; expected at least 3",
    ),
    ("limit below classes", {"train.csv": GOOD}, {"limit": 1}, "data.limit=1 is less than the 2"),
    ("not a name", {"train.csv": GOOD}, {"label_names": "a,bb"}, "csv:3: label 'b' is not in .*bb"),
    (
        "out of range",
        {"train.csv": "text,label\na,0\nb,3\n"},
        {"label_names": "x,y,z"},
        "csv:3: label 3 is out of range; expected 0 to 2",
    ),
    (
        "names and a base",
        {"train.csv": "text,label\na,x\nb,y\n"},
        {"label_names": "x,y", "label_base": 0},
        "csv:2: data.label_base=0 is for integers, .* leave out data.label_base",
    ),
    (
        "0 or 1",
        {"train.csv": "text,label\na,1\nb,2\n"},
        {"label_names": "x,y,z"},
        "labels 1 to 2 of 3 .*data.label_base",
    ),
    (
        "many labels",
        {"train.csv": "text,label\n" + "".join(f"a,{n}\n" for n in range(10_001))},
        {},
        "more than 10000 distinct labels",
    ),
    ("no JSON", {"train.jsonl": '{"text": "a", "label": 1}\n{text'}, {}, "jsonl:2: expected one J"),
    (
        "no object",
        {"train.jsonl": "[1]\n"},
        {},
        "jsonl:1: expected a JSON object, got a list.*called .json",
    ),
    (
        "no key",
        {"train.jsonl": '{"text": "a", "lable": 1}'},
        {},
        "jsonl:1: no column 'label'.*'lab",
    ),
    (
        "a key twice",
        {
            "train.jsonl": '{"text": "a", "x": 1, "x": 2, "label": 1}\n{"text": "b", "label": 1, '
            '"label": 2}'
        },
        {},
        "jsonl:2: the object has 'label' more than once; expected one value",
    ),
    (
        "a key twice in an array",
        {"train.json": '[{"text": "a", "label": 1},\n{"text": "b", "label": 1, "text": "c"}]'},
        {},
        "json:2: the object has 'text' more than once",
    ),
    (
        "a column of Parquet twice",
        {"train.parquet": written(pa.table([["a"], ["x"], ["y"]], ["text", "label", "label"]))},
        {},
        "train.parquet: the file has column 'label' 2 times; expected once; rename the others",
    ),
    ("number text", {"train.jsonl": '{"text": 1, "label": 1}'}, {}, "'text' must be a string"),
    ("list label", {"train.jsonl": '{"text": "", "label": []}'}, {}, "'label' must be a string or"),
    (
        "null label",
        {"train.jsonl": '{"text": "", "label": null}'},
        {},
        "train.jsonl: no train row has a label",
    ),
    ("half label", {"train.jsonl": '{"text": "", "label": 0.5}'}, {}, "got float 0.5"),
    ("surrogate", {"train.jsonl": '{"text": "\\ud800", "label": 1}'}, {}, "jsonl:1: .*surrogate"),
    ("escaped NUL", {"train.jsonl": '{"text": "\\u0000", "label": 1}'}, {}, "jsonl:1: .*NUL"),
    ("deep JSON", {"train.jsonl": "[" * 100_000}, {}, "jsonl:1: expected one JSON object"),
    ("huge number", {"train.jsonl": '{"text": "", "label": ' + "9" * 5000 + "}"}, {}, "jsonl:1: "),
    ("blank JSONL", {"train.jsonl": "\n\n"}, {}, "train.jsonl: no rows"),
    ("no Parquet", {"train.parquet": GOOD}, {}, "expected a Parquet file"),
    ("cut Parquet", {"train.parquet": parquet(text=["a"], label=[1])[:-9]}, {}, "expected a Parqu"),
    ("Parquet columns", {"train.parquet": parquet(text=["a"])}, {}, "no column 'label'"),
    ("Parquet text", {"train.parquet": parquet(text=[1], label=[1])}, {}, "must hold strings"),
    (
        "Parquet label",
        {"train.parquet": parquet(text=["a"], label=[None])},
        {},
        "no train row has a label",
    ),
    (
        "empty Parquet",
        {"train.parquet": parquet(text=pa.array([], pa.string()), label=pa.array([], pa.string()))},
        {},
        "no rows",
    ),
    ("bad hf name", {}, {"source": "hf:a b"}, "expected hf:NAME"),
]

ENTITIES: list[tuple[str, Files, dict[str, Any], str]] = [
    ("columns at line", {"train.txt": CONLL + "x O O\n"}, {}, "train.txt:31: expected 2 columns"),
    (
        "four columns, then three",
        {"train.txt": "a NN O B-PER\nb NN O O\n\nc NN O\n"},
        {},
        "train.txt:4: expected 4 columns as in the lines before, got 3: c NN O",
    ),
    ("tabs, then spaces", {"train.txt": "a\tO\nb O\n"}, {}, "train.txt:2: .* got 1: b O"),
    ("bad test", {"train.txt": CONLL, "test.txt": "a O\n\nb\n"}, {}, "test.txt:3: expected 2 col"),
    ("empty file", {"train.txt": ""}, {}, "train.txt is empty"),
    ("binary", {"train.txt": bytes(range(256)) * 9}, {}, "train.txt:1: a NUL|got byte 0x80"),
    ("one column", {"train.txt": "word\n"}, {}, "train.txt:1: expected at least 2 columns"),
    ("no tag", {"train.txt": "word NN\n"}, {}, "train.txt:1: 'NN' is not an entity tag"),
    ("late bad tag", {"train.txt": CONLL + "x PER\n"}, {}, "train.txt:31: 'PER' is not"),
    ("no entity", {"train.txt": "a O\nb O\n"}, {}, "all words are tagged O"),
    ("only documents", {"train.txt": "-DOCSTART- O\n\n"}, {}, "train.txt: no sentences"),
    ("columns named", {"train.txt": CONLL}, {"columns": "word,pos,ner"}, "names 3 columns"),
    ("column is both", {"train.txt": CONLL}, {"columns": "tag,x"}, "would be the same column"),
    ("impossible", {"train.txt": CONLL + "x I-PER\n"}, {"invalid_tags": "refuse"}, "txt:31: I-PER"),
    ("too few", {"train.txt": "a B-PER\n"}, {}, "has 1 training sentence; expected at least 3"),
    ("unequal", {"train.jsonl": '{"tokens": ["a"], "tags": []}'}, {}, "jsonl:1: .*1 tokens and 0"),
    ("no tokens", {"train.jsonl": '{"tags": []}'}, {}, "jsonl:1: no key 'tokens'"),
    ("numbers", {"train.jsonl": '{"tokens": ["a"], "tags": [1]}'}, {}, "must be a list of strings"),
    (
        "text source",
        {"train.csv": GOOD},
        {},
        "train.csv seems to be the train split but cannot be read",
    ),
    (
        "NUL token",
        {"train.jsonl": '{"tokens": ["\\u0000"], "tags": ["O"]}'},
        {},
        "jsonl:1: a token",
    ),
    ("latin-1", {"train.txt": "caf\xe9 O\n".encode("latin-1")}, {}, "train.txt:1: expected utf-8"),
]


def expect(
    build: Callable[..., Any],
    make: type,
    tmp_path: Path,
    files: Files,
    given_settings: Any,
    words: str,
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, content in files.items():
        (source / name).write_bytes(content.encode() if isinstance(content, str) else content)
    named = given_settings.get("source", "")
    place = named if named.startswith(("hf:", "~")) else str(source / named)
    with pytest.raises(InputError, match=words) as caught:
        build(make(**{**given_settings, "source": place}), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + 2 * len(str(source))
    assert not (tmp_path / "out" / "dataset.json").exists()
    assert not (tmp_path / "out" / ".staging").exists()


def cases(table: list[tuple[str, Files, dict[str, Any], str]]) -> Any:
    """The rows of a table as parameters of a test, under their names."""
    rows = [pytest.param(*row, id=name) for name, *row in table]
    return pytest.mark.parametrize(("files", "values", "words"), rows)


@cases(TEXT)
def test_texts(files: Files, values: dict[str, Any], words: str, tmp_path: Path) -> None:
    expect(build_dataset, TextDataSettings, tmp_path, files, values, words)


@cases(ENTITIES)
def test_entities(files: Files, values: dict[str, Any], words: str, tmp_path: Path) -> None:
    expect(build_dataset, EntityDataSettings, tmp_path, files, values, words)


def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(GOOD)
    (tmp_path / "train.csv").chmod(0)
    if os.access(tmp_path / "train.csv", os.R_OK):
        pytest.skip("this user reads every file")
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        source_identity(TextDataSettings(source=str(tmp_path)))
