"""Which test rows a model is judged by, and beside whom: nights whose rows and classes change."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from nightloom.cli.champion import rollback
from nightloom.errors import InputError
from nightloom.evaluation.tables import read_parquet
from nightloom.home import Home
from nightloom.registry.mlflow_registry import Registry
from nightloom.settings.flows import ClassifyTransformer
from nightloom.settings.parse import parse_settings
from nightloom.stages.seen import Sides
from tests.every_setting.runner import in_this_process

WORDS = {"red": "rose ruby wine", "green": "leaf lime moss", "blue": "sky sea ink"}
SHOPS = ("web", "market")
SMALL = (
    "model.depth=1", "model.width=16", "model.heads=2", "model.head_size=8", "model.length=6",
    "model.feed_forward=16", "model.hidden=16", "model.dropout=0", "train.epochs=3",
    "train.learning_rate=0.02", "train.batch_size=32", "train.jit_compile=false",
    "register.name=colours", "register.formats=saved_model", "check.refuse=false",
)  # fmt: skip


def rows(words: dict[str, str], start: int, count: int) -> list[tuple[str, str]]:
    """Rows numbered from `start`, whose label follows from a word."""
    names = list(words)
    return [
        (f"{number} {words[names[number % len(names)]].split()[number % 7 % 3]}",
         names[number % len(names)])
        for number in range(start, start + count)
    ]  # fmt: skip


class Nights:
    """A home and its nights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, train: list[tuple[str, str]], test: list[tuple[str, str]], *more: str) -> Any:
        """What is said of the model of a night."""
        from nightloom.flows.classify_transformer import classify_transformer

        for split, lines in (("train", train), ("test", test)):
            with (self.folder / f"{split}.csv").open("w", newline="") as file:
                sold = [(*line, SHOPS[number % 2]) for number, line in enumerate(lines)]
                csv.writer(file).writerows([("text", "label", "shop"), *sold])
        given = [f"data.source={self.folder}", *SMALL, *more]
        report = classify_transformer.fn(parse_settings(ClassifyTransformer, given))
        return report["model"]


def held(folder: Path) -> Path:
    """Examples of which one does not hold."""
    file = folder / "held.csv"
    file.write_text("name,text,label,same_as\n,9 rose,red,\nodd,9 ruby,blue,\n,9 sky,,9 SKY\n")
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nights")


@pytest.fixture(scope="module")
def nights(folder: Path) -> Iterator[list[Any]]:
    """What was said of the models of some nights, one after the other."""
    (folder / "data").mkdir()
    nights = Nights(folder / "data")
    first, second = rows(WORDS, 0, 600), rows(WORDS, 2000, 600)
    other = {**WORDS, "red": "fox brick lava", "gold": "coin crown sun"}
    with pytest.MonkeyPatch.context() as patch, in_this_process():
        patch.setenv("NIGHTLOOM_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield [
            nights.run(first, rows(WORDS, 1000, 300)),
            nights.run(second, first[:300]),
            nights.run(
                rows(other, 4000, 600), [*second[:50], *rows(other, 5000, 400)],
                "register.slices=classes,lengths,shop",
            ),
            nights.run(
                first, rows(WORDS, 1000, 300), "register.name=strict",
                f"register.examples={held(folder)}",
            ),
            _put_back(folder / "home"),
            nights.run(
                rows(other, 4000, 600), [*second[:50], *rows(other, 5000, 400)],
                "train.seed=2", "register.rollback_until=proved",
            ),
            nights.run(
                rows(other, 7000, 600), rows(other, 6000, 400), "register.rollback_until=proved"
            ),
        ]  # fmt: skip


def _put_back(home: Path) -> str:
    done = CliRunner().invoke(
        rollback,
        ["colours", "--why", "calls foxes red", "--by", "Ada"],
        env={"NIGHTLOOM_HOME": str(home)},
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_a_first_model_that_learnt_something_is_the_champion(nights):
    assert nights[0]["aliases"] == ["champion"]
    assert nights[0]["reason"].startswith("promoted: first model: accuracy ")
    assert (
        "; better than always answering 'blue' (accuracy 0.3333, p < 0.001)"
        in (nights[0]["reason"])
    )


def test_a_champion_that_knows_all_test_rows_locks_nobody_out(nights):
    reason = nights[1]["reason"]
    assert nights[1]["aliases"] == ["champion"]
    assert reason.startswith("promoted: as good as can be known: accuracy 1.0000; version 1 was ")
    assert "trained on 300 of the 300 test rows, so the accuracy 1.0000 is taken" in reason
    assert nights[1]["anchor_version"] == 2, "no other can be scored"


def test_rows_that_the_champion_was_trained_on_are_left_out_and_counted(nights):
    assert (
        "50 of 450 test rows were left out, known from the training of version 2"
        in (nights[2]["reason"])
    )


def test_a_new_class_is_judged_by_itself_and_a_fall_of_the_champion_comes_first(nights):
    reason = nights[2]["reason"]
    assert nights[2]["aliases"] == ["champion"]
    assert reason.startswith("the champion fell: version 2 has accuracy 0.6")
    assert "on tonight's 300 test rows and had 1.0000 when it was promoted" in reason
    assert "classes gold are new to version 2; compared by what both know, accuracy 1.0" in reason
    assert nights[2]["value"] == 1.0 and nights[2]["difference"] > 0.2


def test_slices_and_regressions_are_of_the_rows_that_both_are_judged_by(nights, folder):
    assert not {"slices", "regressions"} & nights[0].keys(), "nothing to compare with"
    flips, slices = nights[2]["regressions"], nights[2]["slices"]
    assert (flips["champion"], flips["rows"], flips["negative"]) == ("version 2", 300, 0)
    assert flips["positive"] == round(nights[2]["difference"] * 300)
    of_classes = {one["name"]: one for one in slices["judged"] if one["by"] == "classes"}
    assert {name: one["rows"] for name, one in of_classes.items()} == {
        "red": 100, "green": 100, "blue": 100,
    }  # fmt: skip
    assert of_classes["red"]["difference"] > 0.2
    assert slices["few"] == ["lengths above 9 characters"]
    of_shops = {one["name"]: one["rows"] for one in slices["judged"] if one["by"] == "shop"}
    assert of_shops.keys() == set(SHOPS) and sum(of_shops.values()) == 300
    assert not any(one["worse"] for one in slices["judged"])
    (table,) = (folder / "home").rglob(f"{nights[2]['run_id']}/artifacts/gate/regressions.parquet")
    kept = read_parquet(table)
    assert set(kept["flip"]) == {"positive"} and len(kept) == flips["positive"]
    assert set(kept["right"]) == set(kept["this"]) == {"red"} and "red" not in set(kept["champion"])
    assert kept["row"].min() >= 50 and kept["text"].str.contains("fox|brick|lava").all()
    assert json.loads((table.parent / "slices.json").read_text()) == slices


def test_what_differs_from_the_champion_is_kept_for_the_report(nights, folder):
    runs = {night["run_id"] for night in nights[:3]}
    files = [
        json.loads(one.read_text())
        for one in (folder / "home").rglob("difference.json")
        if json.loads((one.parent / "version.json").read_text())["run_id"] in runs
    ]
    assert sorted(rows[0]["version"] for rows in files) == [1, 2], "of the two with a champion"
    (rows,) = (rows for rows in files if rows[0]["version"] == 2)
    told = {(row["of"], row["name"]): (row["champion"], row["this"]) for row in rows}
    before, now = told["setting", "register.slices"]
    assert "shop" in now and "shop" not in before
    assert "gold" in told["data", "label_names"][1] and ("stage", "train") in told


def test_a_model_that_fails_an_example_that_must_hold_is_a_challenger(nights):
    assert nights[3]["aliases"] == ["challenger"]
    assert nights[3]["reason"].startswith(
        "refused: 1 of 3 examples of held.csv that must hold fail: 'odd' (line 3): expected "
        "'blue', came 'red'; else it were promoted: first model: accuracy "
    )
    assert nights[3]["served"]["examples"]["count"] == 3
    assert nights[3]["served"]["difference"] < 1e-4, "the test rows were compared as well"


def test_a_bad_file_of_examples_ends_the_run_before_anything_is_built(folder, monkeypatch):
    monkeypatch.setenv("NIGHTLOOM_HOME", str(folder / "untouched"))
    (folder / "bad.csv").write_text("text,label\n9 rose\n")
    (folder / "other").mkdir()
    with in_this_process(), pytest.raises(InputError, match=r"bad.csv:2: expected 2 fields"):
        Nights(folder / "other").run([], [], f"register.examples={folder / 'bad.csv'}")
    assert not list((folder / "untouched").rglob("manifest.json"))


def test_a_rollback_ends_once_another_is_proved_better_on_newer_rows(nights, folder):
    put_back, kept, proved = nights[4:]
    assert put_back.startswith("colours/2 is the champion, before it version 3")
    assert kept["aliases"] == ["challenger"]
    assert kept["reason"].startswith("held back: version 2 was pinned on ")
    assert "by Ada (calls foxes red), 0 of 450 test rows are newer than" in kept["reason"]
    assert "`nightloom unpin colours` lets others pass; else it were " in kept["reason"]
    assert proved["aliases"] == ["champion"]
    assert proved["released"] is True
    assert "; proved better on rows newer than the rollback, accuracy 1.0" in proved["reason"]
    assert "of version 2 on the same 300 test rows" in proved["reason"], "of the classes of both"
    assert "which ends what held the champion: version 2 was pinned" in proved["reason"]
    home = Home(folder / "home")
    title = Registry(home.tracking_uri, home.model_files).title("colours")
    assert title.pin is None
    assert [(one.old, one.new) for one in title.history()[-2:]] == [(3, 2), (2, 5)]
    assert title.anchor == 5, "what was withdrawn is no measure"


def mask(rows: int, *seen: range) -> np.ndarray:
    found = np.zeros(rows, bool)
    for one in seen:
        found[one] = True
    return found


def test_who_leaves_too_few_rows_is_not_judged_by_them():
    def fair(own: range, champion: range | None, anchor: range | None, rows=500, min_rows=200):
        seen = [one if one is None else mask(rows, one) for one in (own, champion, anchor)]
        sides = Sides(seen[0], *seen[1:], "version 2", "version 1")  # type: ignore[arg-type]
        return sides.fair(unit="rows", min_rows=min_rows)

    none = range(0)
    everyone = fair(none, none, none)
    assert everyone.keep.all() and (everyone.told, everyone.refused) == (None, None)
    some = fair(range(3), range(3, 10), none)
    assert some.keep.sum() == 490 and some.champion and some.anchor
    assert some.told == (
        "10 of 500 test rows were left out, known from the training of this model and version 2"
    )
    no_anchor = fair(none, range(10), range(400))
    assert (no_anchor.champion, no_anchor.anchor, no_anchor.keep.sum()) == (True, False, 490)
    assert no_anchor.why == "version 1 was trained on 400 of the 500 test rows"
    unknown = fair(none, None, none)
    assert (unknown.champion, unknown.keep.all()) == (False, True)
    assert unknown.why == "which rows version 2 was trained on is not known any more"
    alone = fair(range(20), range(301), none)
    assert (alone.champion, alone.keep.sum(), alone.refused) == (False, 480, None)
    leaked = fair(range(301), none, none)
    assert leaked.refused == (
        "199 of 500 test rows are left that this model was not trained on, 200 are needed; "
        "register.min_rows=199 lets these judge"
    )
    assert fair(range(301), none, none, min_rows=199).refused is None
    small = fair(none, none, none, rows=20)
    assert small.keep.all() and small.refused is None
    assert fair(range(2), none, none, rows=20).keep.sum() == 18
    assert "17 of 20 test rows are left" in fair(range(3), none, none, rows=20).refused
    assert fair(range(3), none, none, rows=20, min_rows=17).refused is None
