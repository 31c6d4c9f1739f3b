"""Near-duplicates are found as by comparing all rows, and what is said becomes of them."""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nightloom.data.arrow import read_columns
from nightloom.data.build import build_dataset
from nightloom.data.near.grams import Grams
from nightloom.data.near.index import NearIndex
from nightloom.data.near.minhash import bands_for
from nightloom.data.near.rows import NearRows
from nightloom.settings.data import EntityDataSettings, TextDataSettings

WORDS = [first + last for first in "bdfgklmnprst" for last in "an el im or us ay et".split()]


def text(draw: random.Random, length: int) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(length))


def edited(draw: random.Random, given: str, edits: int) -> str:
    words = given.split()
    for _ in range(edits):
        words[draw.randrange(len(words))] = draw.choice(WORDS)
    return " ".join(words)


def stories(count: int, seed: int = 1) -> list[str]:
    """Texts of which many are versions of others, near and far."""
    draw = random.Random(seed)
    found: list[str] = []
    while len(found) < count:
        own = text(draw, draw.randrange(8, 40))
        found += [own, *(edited(draw, own, draw.randrange(9)) for _ in range(draw.randrange(3)))]
    return found[:count]


def sets_of(texts: list[str]) -> list[set[int]]:
    grams, edges = Grams().of(pa.array(texts))
    return [set(grams[a:b].tolist()) for a, b in pairwise(edges)]


def near_by_comparing_all(texts: list[str], threshold: float) -> set[tuple[int, int]]:
    sets = sets_of(texts)
    return {
        (one, other)
        for one in range(len(texts))
        for other in range(one + 1, len(texts))
        if (shared := len(sets[one] & sets[other]))
        and shared >= threshold * (len(sets[one]) + len(sets[other]) - shared)
    }


def pairs_in(index: NearIndex) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for one, other in index.pairs():
        near = index.near((one, other))
        found |= set(zip(one[near].tolist(), other[near].tolist(), strict=True))
    return {(min(pair), max(pair)) for pair in found}


def test_runs_of_three_words() -> None:
    plain, same, other = sets_of(
        [
            "The cat sat on the mat",
            "THE  cat, sat \u2014 on the\u00a0mat!",
            "the cat sat on the rug",
        ]
    )
    assert len(plain) == 4
    assert plain == same
    assert len(plain & other) == 3


def test_short_texts_have_none() -> None:
    assert sets_of(["thank you very much", "", "?!", "one two three four five"])[:3] == [set()] * 3


def test_scripts_without_spaces_go_by_letters() -> None:
    one, other = sets_of(["今日は天気がいいです", "今日は天気が悪いです"])
    assert len(one) == 8
    assert len(one & other) == 5


def test_batches_do_not_matter() -> None:
    texts, grams = stories(200), Grams()
    whole = sets_of(texts)
    parts = [grams.of(pa.array(texts[at : at + 7])) for at in range(0, 200, 7)]
    found = [set(numbers[a:b].tolist()) for numbers, edges in parts for a, b in pairwise(edges)]
    assert found == whole
    sliced = grams.of(pa.array(texts).slice(50, 20))
    assert [len(one) for one in whole[50:70]] == np.diff(sliced[1]).tolist()


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 1.0])
def test_what_comparing_all_finds_is_found(threshold: float, tmp_path: Path) -> None:
    texts = stories(500)
    with NearIndex(tmp_path / "near", threshold) as index:
        for at in range(0, 500, 90):
            index.add(pa.array(texts[at : at + 90]))
        found = pairs_in(index)
    expected = near_by_comparing_all(texts, threshold)
    assert len(expected) > 20
    assert found <= expected
    assert len(found) >= 0.99 * len(expected)


def test_bands_are_as_long_as_few_enough() -> None:
    for threshold in np.arange(0.3, 1.0, 0.05):
        bands, values = bands_for(threshold)
        assert 1 - (1 - threshold**values) ** bands >= 0.995
        assert bands * values <= 128


@pytest.fixture
def two_files(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Training and test rows, and the training rows that are versions of a test row."""
    draw = random.Random(5)
    test = [text(draw, 25) for _ in range(20)]
    train = [text(draw, 25) for _ in range(100)]
    versions = {edited(draw, one, 1): one for one in test[:8]}
    for name, rows in (("train", [*train, *versions]), ("test", test)):
        lines = [json.dumps({"text": one, "label": "ab"[n % 2]}) for n, one in enumerate(rows)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    return tmp_path, versions


def texts_of(out: Path, split: str) -> list[str]:
    return [str(one) for one in read_columns(out / split, ["text"])["text"].to_pylist()]


def test_training_rows_near_a_test_row_are_dropped(
    two_files: tuple[Path, dict[str, str]],
) -> None:
    folder, versions = two_files
    facts = build_dataset(TextDataSettings(source=str(folder)), folder / "out")
    near = facts["near"]
    assert near["test"] == near["dropped"] == 128 - sum(facts["rows"].values()) > 5
    assert not set(versions) & set(texts_of(folder / "out", "train"))
    assert set(versions.values()) <= set(texts_of(folder / "out", "test"))
    assert any(
        f"{near['dropped']} training rows are near-duplicates of a test row and left out" in line
        for line in facts["warnings"]
    )


def test_or_left(two_files: tuple[Path, dict[str, str]]) -> None:
    folder, versions = two_files
    settings = TextDataSettings(source=str(folder), near="leave")
    facts = build_dataset(settings, folder / "out")
    assert sum(facts["rows"].values()) == 128
    assert facts["near"]["test"] > 5
    assert "dropped" not in facts["near"]
    kept = {*texts_of(folder / "out", "train"), *texts_of(folder / "out", "valid")}
    assert set(versions) <= kept


def test_another_threshold_finds_others(two_files: tuple[Path, dict[str, str]]) -> None:
    folder, _ = two_files
    strict = TextDataSettings(source=str(folder), near_threshold=0.95)
    assert build_dataset(strict, folder / "out")["near"]["test"] == 0


def test_the_last_rows_of_a_class_stay(tmp_path: Path) -> None:
    draw = random.Random(2)
    lone = text(draw, 12)
    for name, rows in {
        "train": [*((text(draw, 12), "a") for _ in range(9)), (lone, "b")],
        "valid": [(text(draw, 12), "a"), (text(draw, 12), "b")],
        "test": [(text(draw, 12), "a"), (lone, "b")],
    }.items():
        lines = [json.dumps({"text": one, "label": label}) for one, label in rows]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    facts = build_dataset(TextDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert facts["classes"]["train"] == {"a": 9, "b": 1}
    assert (
        "1 training row is a near-duplicate of a test row and stays, the last of their class"
        in facts["warnings"]
    )


def test_kept_together(tmp_path: Path) -> None:
    draw = random.Random(7)
    own = [text(draw, 25) for _ in range(400)]
    clusters = {one: [one, edited(draw, one, 1), edited(draw, one, 1)] for one in own}
    rows = [one for some in clusters.values() for one in some]
    draw.shuffle(rows)
    lines = [json.dumps({"text": one, "label": "ab"[n % 2]}) for n, one in enumerate(rows)]
    (tmp_path / "d.jsonl").write_text("\n".join(lines))
    source = str(tmp_path / "d.jsonl")
    together = TextDataSettings(source=source, near="keep_together")
    facts = build_dataset(together, tmp_path / "out")
    parts = {one: split for split in facts["rows"] for one in texts_of(tmp_path / "out", split)}
    near = near_by_comparing_all(rows, 0.5)
    assert len(near) > 800
    assert all(parts[rows[one]] == parts[rows[other]] for one, other in near)
    assert facts["near"]["dropped"] == 0
    assert sum(facts["rows"].values()) == len(rows)
    assert 0.05 < facts["rows"]["test"] / len(rows) < 0.15
    assert facts["near"]["moved"] > 50
    assert any("in another part than their own text says" in line for line in facts["warnings"])
    apart = build_dataset(TextDataSettings(source=source), tmp_path / "apart")
    assert apart["near"]["dropped"] > 50


def test_near_rows_of_a_group_bring_their_groups_along(tmp_path: Path) -> None:
    with NearRows(tmp_path / "near", threshold=0.5, way="keep_together") as near:
        story, other = text(random.Random(1), 20), text(random.Random(2), 20)
        near.add("train", pa.array([story, "a b", other, story + " more", "c d", "e", "f", "g"]))
        groups = np.array([9, 9, 5, 7, 7, 1, 2, 3], dtype=np.uint64)
        assert near.merged(groups).tolist() == [7, 7, 5, 7, 7, 1, 2, 3]


@pytest.mark.parametrize("way", ["drop", "keep_together"])
def test_rows_that_are_alike_by_their_form_stay(way: str, tmp_path: Path) -> None:
    form = "the order number {} of a customer has not arrived yet please help me with it"
    rows = [{"text": form.format(n), "label": "ab"[n % 2]} for n in range(200)]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = TextDataSettings(source=str(tmp_path / "d.jsonl"), near=way)
    facts = build_dataset(settings, tmp_path / "out")
    assert sum(facts["rows"].values()) == 200
    (line,) = facts["warnings"]
    assert "more than half of" in line
    assert "alike by their form" in line


def test_above_many_rows_only_pairs_with_test_are_sought(tmp_path: Path) -> None:
    draw = random.Random(1)
    story, other = text(draw, 20), text(draw, 20)
    with NearRows(tmp_path / "near", threshold=0.5, way="keep_together", most=4) as near:
        near.add("train", pa.array([story, other, other, text(draw, 20)]))
        near.add("test", pa.array([story, story]))
        assert not near.merges
        found = near.seek(np.array([0, 0, 0, 1, 2, 2], dtype=np.uint8))
        assert found.tolist() == [True, False, False, False, False, False]
        near.facts["dropped"] = 1
        assert near.facts == {"threshold": 0.5, "test": 1, "dropped": 1}
        assert near.warnings("rows")[-1] == (
            "6 rows are more than 4: near-duplicates are sought only of test rows; keep_together "
            "leaves out like drop"
        )


def test_sentences_likewise(tmp_path: Path) -> None:
    def conll(words: str) -> str:
        return "".join(
            f"{word} {'B-X' if n == 0 else 'O'}\n" for n, word in enumerate(words.split())
        )

    draw = random.Random(4)
    test = [text(draw, 15) for _ in range(10)]
    train = [text(draw, 15) for _ in range(30)]
    for name, some in (("train", [*train, *test[:4]]), ("valid", train[:1]), ("test", test)):
        (tmp_path / f"{name}.conll").write_text("\n".join(map(conll, some)))
    facts = build_dataset(EntityDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert facts["rows"] == {"train": 30, "valid": 1, "test": 10}
    assert facts["near"]["dropped"] == 4
    assert facts["near"]["valid"] == 1


def test_settings() -> None:
    given: dict[str, Any] = {"source": "d.csv", "time": "day", "near": "keep_together"}
    with pytest.raises(ValueError, match=r"data\.near=keep_together with data\.time=day"):
        TextDataSettings(**given)
