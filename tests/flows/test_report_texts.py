"""A word in the data is found in no store where `report.texts=none`; then in full, it is."""

import csv
import sqlite3
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.flows.conftest import SMALL, Nightloom

WORD = "Xylographia"
SERVED = ("saved_model", "tokenizer")
"""What answers texts has to know their words."""


def rows(path: Path) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for i in range(240):
            said = f"{WORD} number{i} about {'red' if i % 2 else 'blue'} thing{i % 7}"
            table.writerow([said, "red" if i % 2 and i % 5 else "blue"])
    return path


def told_in(path: Path) -> str:
    if path.suffix == ".parquet":
        return str(pyarrow.parquet.read_table(path).to_pydict())
    if path.suffix == ".db":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            return "\n".join(database.iterdump())
    return path.read_bytes().decode("utf-8", "replace")


def places(home: Path, prefect: Path) -> list[str]:
    """Where the word is, beside the cache and what a model needs to work."""
    kept = [one for one in (home / "mlartifacts").rglob("*") if not {*SERVED} & {*one.parts}]
    looked = [home / "mlflow.db", prefect, *kept, *(home / "logs").rglob("*")]
    return [str(one) for one in looked if one.is_file() and WORD in told_in(one)]


def test_a_planted_word_is_in_no_store_until_texts_are_full(
    quick: Nightloom,
    prefect_api: str,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
):
    [prefect] = tmp_path_factory.getbasetemp().glob("prefect[0-9]*/prefect.db")
    home, data = tmp_path / "home", rows(tmp_path / "rows.csv")
    run = ("run", "classify-transformer", *SMALL[1:], f"data.source={data}", "--json")
    silent = quick(home, *run, "report.texts=none")
    assert silent.code == 0, silent.err
    assert places(home, prefect) == []
    assert WORD not in silent.out + silent.err
    full = quick(home, *run)
    assert full.code == 0, full.err
    assert full.states == {**dict.fromkeys(full.states, "hit"), "register": "built"}
    assert "were written with report.texts=none" in full.entry("register")["why"]
    same = ("version", "decision", "reason", "value")
    assert all(full.report["model"][one] == silent.report["model"][one] for one in same)
    assert full.report["model"]["decided"] is False and "decided" not in silent.report["model"]
    found = " ".join(places(home, prefect))
    for name in ("prefect.db", "worst.json", "worst.parquet", "input_example.json"):
        assert name in found
