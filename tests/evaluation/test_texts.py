"""Rows and messages with as much of the data as `report.texts` lets through."""

import csv
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.context import BuildContext
from nightloom.data.formats.instants import instants
from nightloom.discretion import data_quoted, telling
from nightloom.errors import InputError
from nightloom.evaluation.texts import SHORT, discreet, types_in
from nightloom.home import Home
from nightloom.registry.mlmodel import ModelCard
from nightloom.settings.nightly import NightlySettings
from nightloom.stages.kept_texts import card_with_texts, discreet_example, with_texts
from nightloom.worker.__main__ import _crash, _trace

WORD = "Xylograph"
ROW = {
    "row": 7, "gold": f"{WORD} (LOC); Ann; {WORD} (PER)", "predicted": "", "token": WORD,
    "mistakes": "missed", "text": f"{WORD} " * 20,
}  # fmt: skip


def context(tmp_path: Path, texts: str) -> BuildContext:
    facts = {"task": "entities", "label_names": ["O", "B-LOC", "B-PER"], "rows": {}}
    dataset = Artifact(stage="download_dataset", key="k", digest="d", facts=facts)
    return BuildContext(
        stage="register", key="k", variant="", settings={"report": {"texts": texts}},
        inputs={"dataset": ArtifactFiles(dataset, tmp_path)}, out=tmp_path, checkpoints=tmp_path,
        home=Home(tmp_path),
    )  # fmt: skip


def test_rows_keep_their_numbers_and_types_and_lose_their_texts():
    types = types_in("entities", ["O", "B-LOC", "I-LOC", "B-PER"])
    assert types == ["LOC", "PER"]
    none = discreet(ROW, "none", types)
    assert none == {
        "row": 7, "gold": "LOC; PER", "predicted": "", "token": "", "mistakes": "missed",
        "text": "",
    }  # fmt: skip
    short = discreet(ROW, "short", types)
    assert len(short["text"]) == SHORT and short["text"].endswith("…")
    assert short["token"] == "", "all words, one a row, are the texts again"
    assert discreet(ROW, "full", types) == ROW
    classes = {"row": 1, "right": "sport", "champion": "world", "this": "sport", "text": WORD}
    assert discreet(classes, "none") == {**classes, "text": ""}


@pytest.mark.parametrize("texts", ["none", "short"])
def test_files_of_a_version_are_copied_without_texts(tmp_path: Path, texts: str):
    rows = [ROW, {**ROW, "row": 8}]
    (tmp_path / "worst.json").write_text(json.dumps(rows))
    (tmp_path / "worst.html").write_text(f"<p>{WORD}</p>")
    (tmp_path / "metrics.json").write_text('{"f1": 0.5}')
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "p.parquet")
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["row", "text"], extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    names = ("worst.json", "worst.html", "metrics.json", "p.parquet", "labels.csv")
    copies = tmp_path / "copies"
    found = with_texts(
        context(tmp_path, texts), {f"e/{name}": tmp_path / name for name in names}, copies
    )
    assert found["e/metrics.json"] == tmp_path / "metrics.json"
    told = pyarrow.parquet.read_table(found["e/p.parquet"]).to_pylist()
    assert [row["row"] for row in told] == [7, 8]
    assert json.loads(found["e/worst.json"].read_text()) == told
    assert found["e/labels.csv"].read_text().startswith("row,text\n7,")
    everything = repr(told) + "".join(
        found[f"e/{name}"].read_text() for name in names if name != "p.parquet"
    )
    assert (WORD in everything) == (texts == "short")
    assert f"{WORD} " * 10 not in everything


def test_the_example_of_a_model_and_those_that_fail_say_no_more(tmp_path: Path):
    card = ModelCard(columns=("text",), outputs=(), example=(WORD, f"{WORD} too"))
    assert card_with_texts(context(tmp_path, "none"), card).example == ("a text",)
    assert card_with_texts(context(tmp_path, "full"), card) is card
    failed = {"called": "line 3", "wanted": f"{WORD} (LOC)", "came": "no entity", "text": WORD}
    told = discreet_example(context(tmp_path, "none"), failed)
    assert WORD not in repr(told)
    assert (told["called"], told["wanted"], told["came"]) == ("line 3", "LOC", "no entity")


def test_messages_say_how_long_a_value_is_instead():
    assert data_quoted(WORD) == f"'{WORD}'"
    with telling("none"):
        assert data_quoted(WORD) == "(9 characters, withheld by report.texts=none)"
        with pytest.raises(InputError) as refused:
            instants([WORD], "day", lambda at: f"a.csv:{at + 2}")
    assert "a.csv:2" in str(refused.value) and WORD not in str(refused.value)


def test_an_unexpected_error_does_not_quote_the_data_either():
    try:
        int(WORD)
    except ValueError as error:
        silent = _crash(error, "none")["message"] + _trace(error, "none")
        loud = _crash(error, "full")["message"] + _trace(error, "full")
    assert WORD in loud and WORD not in silent
    assert "test_texts.py" in silent and "ValueError" in silent


def test_what_a_night_says_holds_for_its_models():
    model = {"flow": "classify-bert"}
    own = {"flow": "ner-bert", "settings": {"report.texts": "full"}}
    night = NightlySettings(models=[model, own], report={"texts": "none"})
    assert [one.parsed().report.texts for one in night.models] == ["none", "full"]
