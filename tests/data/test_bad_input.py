"""Every wrong source or setting ends in one line that says what, where and what to do."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nightloom.data.build import build_entity_dataset, build_text_dataset, source_identity
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings

Files = dict[str, bytes | str]
GOOD = "text,label\n" + "".join(f"t{n},{'ab'[n % 2]}\n" for n in range(20))
CONLL = "a B-PER\nb O\n\n" * 10


def parquet(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


TEXT: list[tuple[str, Files, dict[str, Any], str]] = [
    ("no such path", {}, {"source": "nowhere.csv"}, "no such file or directory"),
    ("near name", {"train.csv": GOOD}, {"source": "trian.csv"}, "did you mean .*train.csv"),
    ("sample misspelt", {}, {"source": "smaple"}, "did you mean sample"),
    ("no folder", {}, {"source": "no/where.csv"}, "does not exist either"),
    ("no train", {"test.csv": GOOD}, {}, "no training file.*holds: test.csv"),
    ("empty folder", {}, {}, "holds: nothing"),
    ("two trains", {"train.csv": GOOD, "train.tsv": GOOD}, {}, "train.csv and train.tsv"),
    ("two valids", {"train.csv": GOOD, "dev.csv": GOOD, "valid.csv": GOOD}, {}, "dev.csv and val"),
    ("unknown type", {"d.xlsx": "x"}, {"source": "d.xlsx"}, "unknown file type '.xlsx'"),
    ("json", {"d.json": "[]"}, {"source": "d.json"}, "name a file of one JSON object a line"),
    ("empty file", {"train.csv": ""}, {}, "train.csv is empty"),
    ("empty test", {"train.csv": GOOD, "test.csv": ""}, {}, "test.csv is empty"),
    ("header only", {"train.csv": "text,label\n"}, {}, "no rows after the header"),
    ("blank lines", {"train.csv": "\n\n\n"}, {}, "no column 'text'"),
    ("no text column", {"train.csv": "txt,label\na,b\n"}, {}, "no column 'text'.*mean 'txt'"),
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
    ("open quote", {"train.csv": GOOD + '"x,a\ny,b\n'}, {}, "line 22 has a quoted field that is n"),
    (
        "quote inside",
        {"train.csv": GOOD + '"x"y,a\n'},
        {},
        "line 22 has text after a closing quote",
    ),
    ("NUL", {"train.csv": GOOD + "x\0y,a\n"}, {}, "train.csv:22: a NUL character"),
    ("binary", {"train.csv": bytes(range(256)) * 9}, {}, "train.csv:2: .*got byte 0x80"),
    ("latin-1", {"train.csv": (GOOD + "caf\xe9,a\n").encode("latin-1")}, {}, "csv:22: .*0xe9"),
    ("utf-16", {"train.csv": GOOD.encode("utf-16")}, {}, "data.encoding"),
    ("not utf-16", {"train.csv": GOOD + "x"}, {"encoding": "utf-16"}, "set data.encoding"),
    ("broken gzip", {"train.csv.gz": gzip.compress(GOOD.encode() * 99)[:-90]}, {}, "broken gzip"),
    ("no gzip", {"train.csv.gz": GOOD}, {}, "broken gzip"),
    ("empty label", {"train.csv": GOOD + "x, \n"}, {}, "train.csv:22: the label is empty"),
    ("one class", {"train.csv": "text,label\na,x\nb,x\n"}, {}, "all training rows have the lab"),
    (
        "label of test alone",
        {"train.csv": GOOD, "test.csv": GOOD + "x,c\nx,c\n"},
        {},
        "test.csv:22: label 'c' stands in 2 test rows but in no training row",
    ),
    ("too few", {"train.csv": GOOD + "x,c\n"}, {}, "class 'c' has 1 training row; expected at le"),
    ("limit below classes", {"train.csv": GOOD}, {"limit": 1}, "data.limit=1 is less than the 2"),
    ("not a name", {"train.csv": GOOD}, {"label_names": "a,bb"}, "csv:3: label 'b' is not amo.*bb"),
    (
        "out of range",
        {"train.csv": "text,label\na,0\nb,3\n"},
        {"label_names": "x,y,z"},
        "csv:3: label 3 is out of range; expected 0 to 2",
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
        "more than 10000 different labels",
    ),
    ("no JSON", {"train.jsonl": '{"text": "a", "label": 1}\n{text'}, {}, "jsonl:2: expected one J"),
    ("no object", {"train.jsonl": "[1]\n"}, {}, "jsonl:1: expected a JSON object, got a list"),
    (
        "no key",
        {"train.jsonl": '{"text": "a", "lable": 1}'},
        {},
        "jsonl:1: no column 'label'.*'lab",
    ),
    ("number text", {"train.jsonl": '{"text": 1, "label": 1}'}, {}, "'text' must be a string"),
    ("list label", {"train.jsonl": '{"text": "", "label": []}'}, {}, "'label' must be a string or"),
    ("null label", {"train.jsonl": '{"text": "", "label": null}'}, {}, "jsonl:1: the label is em"),
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
    ("Parquet label", {"train.parquet": parquet(text=["a"], label=[None])}, {}, "label is empty"),
    (
        "empty Parquet",
        {"train.parquet": parquet(text=pa.array([], pa.string()), label=pa.array([], pa.string()))},
        {},
        "no rows",
    ),  # fmt: skip
    ("bad hf name", {}, {"source": "hf:a b"}, "expected hf:NAME"),
]

ENTITIES: list[tuple[str, Files, dict[str, Any], str]] = [
    ("columns at line", {"train.txt": CONLL + "x O O\n"}, {}, "train.txt:31: expected 2 columns"),
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
    ("text source", {"train.csv": GOOD}, {}, "no training file"),
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
    place = named if named.startswith("hf:") else str(source / named)
    with pytest.raises(InputError, match=words) as caught:
        build(make(**{**given_settings, "source": place}), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + 2 * len(str(source))
    assert not (tmp_path / "out" / "dataset.json").exists()
    assert not (tmp_path / "out" / ".staging").exists()


@pytest.mark.parametrize(("files", "given_settings", "words"), [c[1:] for c in TEXT], ids=[c[0] for c in TEXT])  # fmt: skip
def test_texts(files: Files, given_settings: Any, words: str, tmp_path: Path) -> None:
    expect(build_text_dataset, TextDataSettings, tmp_path, files, given_settings, words)


@pytest.mark.parametrize(("files", "given_settings", "words"), [c[1:] for c in ENTITIES], ids=[c[0] for c in ENTITIES])  # fmt: skip
def test_entities(files: Files, given_settings: Any, words: str, tmp_path: Path) -> None:
    expect(build_entity_dataset, EntityDataSettings, tmp_path, files, given_settings, words)


@pytest.mark.parametrize(
    ("make", "values", "words"),
    [
        (TextDataSettings, {"sourc": "x"}, "sourc"),
        (TextDataSettings, {"limit": 0}, "greater than 0"),
        (TextDataSettings, {"limit": "-5"}, "greater than 0"),
        (TextDataSettings, {"limit": "many"}, "valid integer"),
        (TextDataSettings, {"valid_fraction": 0}, "greater than 0"),
        (TextDataSettings, {"test_fraction": 1}, "less than 1"),
        (TextDataSettings, {"seed": -1}, "greater than or equal to 0"),
        (TextDataSettings, {"encoding": "utf-9"}, "not a text encoding"),
        (TextDataSettings, {"encoding": "rot13"}, "not a text encoding"),
        (TextDataSettings, {"source": " "}, "data.source is empty"),
        (TextDataSettings, {"source": "hf:"}, "lacks a name"),
        (TextDataSettings, {"source": "tdfs:ag_news"}, "did you mean 'tfds:'"),
        (TextDataSettings, {"text": "a,,b"}, "none of them empty"),
        (TextDataSettings, {"text": "a,a"}, "more than once"),
        (TextDataSettings, {"text": "label"}, "is among data.text"),
        (TextDataSettings, {"label_names": "one"}, "at least two classes"),
        (TextDataSettings, {"label_base": 1}, "give both"),
        (TextDataSettings, {"label_names": "a,b", "label_base": 2}, "0 or 1"),
        (TextDataSettings, {"source": "d.csv", "columns": "txt,label"}, "did you mean 'txt'"),
        (TextDataSettings, {"source": "sample", "columns": "text,label"}, "without a header"),
        (EntityDataSettings, {"scheme": "iob3"}, "iob1"),
        (EntityDataSettings, {"invalid_tags": "ignore"}, "repair"),
        (EntityDataSettings, {"source": "tfds:conll2003"}, "labelled texts only"),
        (EntityDataSettings, {"source": "d.txt", "columns": "word"}, "at least two"),
        (EntityDataSettings, {"columns": "word,ner"}, "names its columns"),
    ],
)
def test_settings(make: type, values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        make(**values)


def test_values_of_a_command_line() -> None:
    made = TextDataSettings(
        source="d.csv",
        columns="label, title,body",
        text="title,body",
        limit="300",
        label_names="none",
        seed="7",
        valid_fraction="0.2",
        quoted="false",
    )  # type: ignore[arg-type]
    assert made.columns == ("label", "title", "body")
    assert made.text_columns == ("title", "body")
    assert (made.limit, made.label_names, made.seed, made.quoted) == (300, None, 7, False)
    assert TextDataSettings().text_columns == ("title", "description")
    assert TextDataSettings(source="sample").text_columns == ("text",)
    assert TextDataSettings.model_validate(made.model_dump()) == made


def test_unreadable_file(tmp_path: Path) -> None:
    import os

    (tmp_path / "train.csv").write_text(GOOD)
    (tmp_path / "train.csv").chmod(0)
    if os.access(tmp_path / "train.csv", os.R_OK):
        pytest.skip("this user reads every file")
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        source_identity(TextDataSettings(source=str(tmp_path)))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(["csv", "tsv", "jsonl", "parquet", "txt", "csv.gz"]),
    content=st.one_of(
        st.binary(max_size=300),
        st.text(alphabet='ab,"\t\n\r{}[]:0', max_size=200).map(str.encode),
        st.text(alphabet="aBIO-\t \n", max_size=200).map(str.encode),
    ),
)
def test_anything_in_a_file(kind: str, content: bytes, tmp_path: Path) -> None:
    import shutil

    shutil.rmtree(tmp_path / "fuzz", ignore_errors=True)
    (tmp_path / "fuzz").mkdir()
    (tmp_path / "fuzz" / f"train.{kind}").write_bytes(content)
    for make, build, more in (
        (TextDataSettings, build_text_dataset, {"columns": "label,text"}),
        (EntityDataSettings, build_entity_dataset, {}),
    ):
        try:
            facts = build(make(source=str(tmp_path / "fuzz"), **more), tmp_path / "fuzz" / "out")
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert sum(facts["rows"].values()) > 0
            json.dumps(facts)
