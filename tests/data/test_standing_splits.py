"""Rows stay on their side whatever comes, goes or changes place beside them."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.data.arrow import read_columns
from nightloom.data.build import build_dataset
from nightloom.data.splits.content import content_numbers, normalised
from nightloom.data.splits.partition import MANY, Cut, plan_partition
from nightloom.settings.data import EntityDataSettings, TextDataSettings

Rows = list[tuple[str, str]]
ROWS: Rows = [(f"Story number {n} of a day", "abcd"[n % 4]) for n in range(1200)]
MORE: Rows = [(f"Newer story {n}", "abcd"[n % 4]) for n in range(40)]
CHANGES: dict[str, Callable[[Rows], Rows]] = {
    "appended": lambda rows: rows + MORE,
    "in front": lambda rows: MORE + rows,
    "a window": lambda rows: rows[40:] + MORE,
    "one deleted": lambda rows: rows[:7] + rows[8:],
    "shuffled": lambda rows: random.Random(3).sample(rows, len(rows)),
    "doubled": lambda rows: rows + rows[100:200],
    "labels corrected": lambda rows: [
        (text, "abcd"[n % 3] if n % 50 == 0 else label) for n, (text, label) in enumerate(rows)
    ],
    "a class more": lambda rows: [*rows, *((f"odd {n}", "e") for n in range(9))],
    "other spaces": lambda rows: [(f"  {text.upper()} \u00a0", label) for text, label in rows],
}


def sides(rows: Rows, folder: Path, *, kind: str = "jsonl", seed: int = 1) -> dict[str, set[str]]:
    """The parts in which each text is, normalised."""
    folder.mkdir()
    path = folder / f"d.{kind}"
    if kind == "parquet":
        pq.write_table(
            pa.table({"text": [t for t, _ in rows], "label": [b for _, b in rows]}), path
        )
    elif kind == "csv":
        path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    else:
        lines = (json.dumps({"text": text, "label": label}) for text, label in rows)
        path.write_text("\n".join(lines))
    build_dataset(TextDataSettings(source=str(path), seed=seed), folder / "out")
    found: dict[str, set[str]] = {}
    for split in ("train", "valid", "test"):
        for text in read_columns(folder / "out" / split, ["text"])["text"].to_pylist():
            found.setdefault(normalised(text), set()).add(split)
    return found


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Where the rows are to begin with."""
    return sides(ROWS, tmp_path_factory.mktemp("sides") / "before")


@pytest.mark.parametrize("change", CHANGES)
def test_no_row_changes_sides(change: str, before: dict[str, set[str]], tmp_path: Path) -> None:
    after = sides(CHANGES[change](ROWS), tmp_path / "after")
    assert all(len(found) == 1 for found in after.values())
    assert {text: found for text, found in after.items() if before.get(text, found) != found} == {}
    assert len(set(after) & set(before)) > 1100


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_format_does_not_matter(kind: str, before: dict[str, set[str]], tmp_path: Path) -> None:
    assert sides(ROWS, tmp_path / kind, kind=kind) == before


def test_another_seed_draws_others(before: dict[str, set[str]], tmp_path: Path) -> None:
    assert sides(ROWS, tmp_path / "other", seed=2) != before


def test_sentences(tmp_path: Path) -> None:
    def parts(numbers: list[int], name: str) -> dict[str, str]:
        path = tmp_path / f"{name}.conll"
        path.write_text("".join(f"Ada{n} B-PER\nruns O\n\n" for n in numbers))
        build_dataset(EntityDataSettings(source=str(path)), tmp_path / name)
        return {
            tokens[0]: split
            for split in ("train", "valid", "test")
            for tokens in read_columns(tmp_path / name / split, ["tokens"])["tokens"].to_pylist()
        }

    first = parts(list(range(400)), "first")
    other = parts(list(range(450, 30, -1)), "other")
    assert set(first.values()) == {"train", "valid", "test"}
    assert all(other[word] == split for word, split in first.items() if word in other)


def parts_of(content: np.ndarray, classes: np.ndarray, seed: int = 1, **given: Any) -> np.ndarray:
    """Where training rows go, cut for both other parts."""
    counts = np.bincount(classes)
    cut = Cut(**{"limit": None, "valid_fraction": 0.1, "test_fraction": 0.1, "seed": seed, **given})
    names = [str(number) for number in range(len(counts))]
    plan = plan_partition({"train": counts}, lambda: [(classes, content)], cut, names=names)
    return plan.where("train", classes, content, 0)


def contents(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, size=rows, dtype=np.uint64)


def test_parts_are_about_as_large_as_asked_for() -> None:
    near = 0
    for seed in range(200):
        found = parts_of(contents(5000, seed), np.arange(5000) % 4, seed)
        near += abs((found == 2).sum() - 500) <= 50
        for number in range(3):
            assert len(set(np.arange(5000)[found == number] % 4)) == 4
    assert near >= 0.98 * 200


@pytest.mark.parametrize("rows", [3, 4, 20, MANY - 1])
def test_small_classes_have_a_quota_and_few_of_them_move(rows: int) -> None:
    moved = []
    for seed in range(50):
        content = contents(1000 + rows + 1, seed)
        classes = np.array([0] * 1000 + [1] * (rows + 1))
        small = parts_of(content[:-1], classes[:-1])
        own = np.bincount(small[1000:], minlength=3)
        assert own.min() >= 1
        assert abs(own[2] - max(1, rows / 10)) < 1
        more = parts_of(content, classes)
        assert (more[:1000] == small[:1000]).all()
        moved.append(int((more[:-1] != small)[1000:].sum()))
    assert max(moved) <= (15 if rows + 1 == MANY else 3)


@pytest.mark.parametrize("repeats", [1, 3, 40])
def test_what_says_the_same_is_together_where_it_can_be(repeats: int) -> None:
    content = np.repeat(contents(6, 1), repeats)
    found = parts_of(content, np.zeros(len(content), dtype=np.int64), test_fraction=0.4)
    assert set(found) == {0, 1, 2}
    assert all(len(set(found[content == one])) == 1 for one in content)


@pytest.mark.parametrize("rows", [3, 50, 5000])
def test_rows_that_all_say_the_same_are_in_every_part(rows: int) -> None:
    found = parts_of(np.full(rows, 7, dtype=np.uint64), np.zeros(rows, dtype=np.int64))
    assert np.bincount(found).tolist()[1:] == [max(1, round(rows * 0.9 * 0.1)), max(1, rows // 10)]


def test_a_tiny_fraction_is_drawn_by_what_rows_say() -> None:
    content, classes = contents(400, 2), np.zeros(400, dtype=np.int64)
    one = parts_of(content, classes, test_fraction=1e-6, valid_fraction=1e-6)
    back = parts_of(content[::-1].copy(), classes, test_fraction=1e-6, valid_fraction=1e-6)
    assert np.bincount(one).tolist() == [398, 1, 1]
    assert (back[::-1] == one).all()


def test_numbers_are_the_same_for_ever() -> None:
    assert content_numbers(["A  text", "a text\r\n", "caf\u00e9", "cafe\u0301"]).tolist() == [
        5830437876521264211,
        5830437876521264211,
        16417751708935026519,
        16417751708935026519,
    ]
