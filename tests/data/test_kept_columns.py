"""Columns that are kept with the rows: `data.keep`, and what `register.slices` names."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from nightloom.data.arrow import kept_name, read_columns
from nightloom.data.build import build_dataset
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.settings.flows import ClassifyTransformer, NerBert
from nightloom.settings.parse import parse_settings
from nightloom.stages.slicing import slices_of
from nightloom.stages.tested import kept_of

ROWS = [
    {"text": f"{n} {'rose' if n % 2 else 'sky'}", "label": "red" if n % 2 else "blue",
     "shop": ["web", "", None][n % 3], "price": n}
    for n in range(60)
]  # fmt: skip
KEPT = {row["text"]: (row["shop"] or "", str(row["price"])) for row in ROWS}


def kept(out: Path, split: str, *columns: str) -> list[tuple[str, ...]]:
    names = [kept_name(column) for column in columns]
    values = (read_columns(out / split, names)[name].to_pylist() for name in names)
    return list(zip(*values, strict=True))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_values_follow_their_rows_into_every_split_whatever_the_format(tmp_path, form):
    file = tmp_path / f"rows.{form}"
    table = pandas.DataFrame(ROWS)
    if form == "csv":
        table.to_csv(file, index=False)
    elif form == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        table.to_parquet(file)
    settings = TextDataSettings(source=str(file), keep=("shop", "price"))
    out = tmp_path / "out"
    facts = build_dataset(settings, out)
    assert sum(facts["rows"].values()) == len(ROWS)
    for split in facts["rows"]:
        texts = read_columns(out / split, ["text"])["text"].to_pylist()
        assert kept(out, split, "shop", "price") == [KEPT[text] for text in texts]
    from datasets import load_from_disk

    assert load_from_disk(str(out / "test"))[0][kept_name("shop")] in ("web", "")


def test_sentences_keep_theirs_and_without_any_the_splits_are_what_they_were(tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = [
        {"tokens": ["in", f"Rome{n}"], "ner_tags": ["O", "B-LOC"], "desk": f"d{n % 2}"}
        for n in range(40)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build_dataset(EntityDataSettings(source=str(file), keep=("desk",)), tmp_path / "out")
    words = read_columns(tmp_path / "out" / "train", ["tokens"])["tokens"].to_pylist()
    desks = kept_of(tmp_path / "out" / "train", "desk")
    assert desks == [f"d{int(two[4:]) % 2}" for _, two in words] and len(set(desks)) == 2
    build_dataset(EntityDataSettings(source=str(file)), tmp_path / "plain")
    with pytest.raises(KeyError):
        kept_of(tmp_path / "plain" / "train", "desk")


def test_slices_of_columns_are_values_or_parts_of_numbers(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    settings = TextDataSettings(source=str(file), keep=("shop", "price"), test_fraction=0.7)
    build_dataset(settings, tmp_path / "out")
    test = tmp_path / "out" / "test"
    prices = [int(price) for price in kept_of(test, "price")]
    rows = [row for row, price in enumerate(prices) if price < 50]
    found = list(slices_of(test, ("price", "shop"), rows=np.array(rows), kinds=()))
    shops = [one for one in found if one.by == "shop"]
    assert [one.name for one in shops] == ["web"] and len(shops[0].keep) == len(rows)
    parts = [one for one in found if one.by == "price"]
    assert len(parts) == 4 and sum(int(one.keep.sum()) for one in parts) == len(rows)


def parsed(kind: Any, *given: str) -> Any:
    return parse_settings(kind, list(given))


def test_what_slices_name_is_kept_and_what_no_source_can_keep_is_refused(tmp_path):
    found = parsed(ClassifyTransformer, "data.source=a.csv", "register.slices=classes,shop")
    assert found.data.keep == ("shop",)
    assert ClassifyTransformer.model_validate(found.model_dump()).data.keep == ("shop",)
    assert parsed(ClassifyTransformer, "data.source=a.csv").data.keep is None
    with pytest.raises(InputError, match=r"data.keep=shop: the sample has no such column; leave"):
        parsed(NerBert, "data.source=sample", "register.slices=shop")
    with pytest.raises(InputError, match=r"data.keep=shop is not in data.columns \(text, label\)"):
        parsed(ClassifyTransformer, "data.source=a.csv", "data.columns=text,label",
               "register.slices=shop")  # fmt: skip
    (tmp_path / "train.txt").write_text("in O\nRome B-LOC\n")
    with pytest.raises(InputError, match=r"CoNLL columns are of words, not of sentences"):
        build_dataset(EntityDataSettings(source=str(tmp_path), keep=("desk",)), tmp_path / "out")
    (tmp_path / "a.csv").write_text("text,label\nrose,red\n")
    with pytest.raises(InputError, match=r"no column 'shop' \(.* register.slices\); the columns"):
        build_dataset(
            TextDataSettings(source=str(tmp_path / "a.csv"), keep=("shop",)), tmp_path / "b"
        )
