"""What to try where no type says it, and the small files, checkpoints and modules it needs."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nightloom.records import ENTITIES
from nightloom.records.known import find_flow
from nightloom.settings.check import EntityCheckSettings
from nightloom.settings.flows import FlowSettings
from nightloom.settings.parse import names
from tests.every_setting.values import Table

COLOURS = ("red", "green", "blue")
THINGS = "apple mat cup hat home dog cat box".split()
COLUMNS = ["text", "title", "label", "zero", "one", "thread", "day"]
LEVELS = tuple(
    f"check.{name}"
    for name, field in EntityCheckSettings.model_fields.items()
    if isinstance(field.default, tuple)
)
POSITIONS = 132
"""Pieces that the checkpoints take: more than the default length."""
AFFORDABLE = {
    "train.epochs": 2,
    "train.learning_rate": 0.1,  # far above, a run ends in the line that says so
    "train.accumulate": 3,
    "train.clip_norm": 100.0,
    "train.patience": 1,
    "train.checkpoint_seconds": 30.0,
    "tokenizer.vocabulary_size": 20_000,
    "tokenizer.adapt_rows": 30,
    "model.depth": 2,
    "model.width": 48,
    "model.heads": 4,
    "model.head_size": 16,
    "model.feed_forward": 64,
    "model.hidden": 64,
}


def table_for(flow: str, folder: Path) -> Table:
    """The values to try for a flow; makes what they name in `folder`."""
    kind = find_flow(flow).load_settings()
    texts = {
        **(_entity_data(folder) if kind.family.task is ENTITIES else _text_data(folder)),
        "register.name": ["none", "another"],
        "register.formats": ["none", "saved_model"],
        "register.examples": ["none", str(_examples(folder))],
        "register.slices": ["none", "lengths", "classes,lengths", "day"],
        "register.metric": ["none", *kind.family.task.metrics],
        **{name: ["none", "0.5", "50,100"] for name in LEVELS},
        "train.devices": ["auto", "cpu", "cpu:0,cpu:1"],
        "steps.before": ["", "tests.every_setting.own:before"],
        "steps.after": ["", "tests.every_setting.own:after"],
        **limits_of(kind),
        "data.query": ["none"],  # for sql: sources alone
        "data.version_query": ["none"],
        "data.encoding": ["utf-8", "cp1252"],
        "data.keep": ["none", "day"],
        "data.time": ["none", "day"],
        "data.test_from": ["none", "2026-01-20"],
        "data.since": ["none", "2026-01-03"],
        "data.until": ["none", "2026-01-27"],
        "data.limit": ["4", "40", "none"],  # fewer than there are classes are refused
        "data.valid_fraction": ["0.02", "0.1", "0.5"],  # of ninety rows
        "data.test_fraction": ["0.02", "0.1", "0.4"],
        **_model(kind, folder),
    }
    length = 256 if flow == "classify-transformer" else POSITIONS
    return Table(texts, {**AFFORDABLE, "model.length": length, "model.overlap": 20})


def limits_of(kind: type[BaseModel]) -> dict[str, list[str]]:
    """Values of the limits of a flow's stages, which no test reaches."""
    spans = [name for name in names(kind) if name.startswith("run.limits.")]
    return {**{name: ["none", "1h"] for name in spans}, "run.limits.memory_gb": ["none", "64"]}


def _examples(folder: Path) -> Path:
    """A pair that agrees, whatever is learnt."""
    path = folder / "examples.jsonl"
    path.write_text(json.dumps({"text": "the red cup", "same_as": "the red cup"}) + "\n")
    return path


def _model(kind: type[FlowSettings], folder: Path) -> dict[str, list[str]]:
    if kind.family.name == "transformer":
        return {}
    families = ("bert", "distilbert", "roberta", "albert")
    checkpoints = {family: checkpoint(folder / family, family) for family in families}
    if kind.family.name == "hub":
        pair = folder / "pair"
        if not pair.exists():
            from nightloom.tfhub.export import export_hub

            export_hub(checkpoints["bert"], pair, seq_length=POSITIONS)
        return {
            "model.encoder": [str(pair / "encoder"), str(checkpoints["albert"])],
            "model.preprocess": ["none", str(pair / "preprocess")],
        }
    return {
        "model.checkpoint": [str(one) for one in checkpoints.values()],
        "model.revision": ["none", "main"],
        "model.trainable": ["head", "all", "top:1", "top:2"],
        "model.attentions": ["", "the red apple,a dog"],
    }


def checkpoint(folder: Path, family: str) -> Path:
    """A tiny checkpoint of a family, made if it is not there."""
    from tests.encoders.tiny import save_checkpoint

    if not folder.exists():
        positions = POSITIONS + (2 if family == "roberta" else 0)
        save_checkpoint(folder, family, max_position_embeddings=positions)
    return folder


def write_texts(folder: Path) -> tuple[Path, ...]:
    """Ninety rows in files of each kind: with a header, in splits, without one, JSONL, Parquet."""
    alone, split = folder / "alone.csv", folder / "split"
    if not split.exists():
        split.mkdir(parents=True)
        _write_csv(alone, _rows(90), COLUMNS)
        _write_csv(folder / "bare.csv", _rows(90), COLUMNS, header=False)
        for name, number in (("train", 60), ("valid", 15), ("test", 30)):
            _write_csv(split / f"{name}.csv", _rows(number), COLUMNS)
        lines = "".join(json.dumps(row) + "\n" for row in _rows(90))
        (folder / "rows.jsonl").write_text(lines)
        _write_parquet(folder / "rows.parquet", _rows(90))
    return (alone, split, folder / "bare.csv", folder / "rows.jsonl", folder / "rows.parquet")


def _text_data(folder: Path) -> dict[str, list[str]]:
    files = write_texts(folder)
    return {
        "data.source": [*map(str, files), "sample"],
        "data.columns": ["none", ",".join(COLUMNS)],
        "data.group": ["none", "thread"],
        "data.text": ["none", "title,text"],
        "data.label": ["none", "zero", "one"],
        "data.label_names": ["none", ",".join(COLOURS)],
        "data.delimiter": ["none", "comma"],
    }


def _entity_data(folder: Path) -> dict[str, list[str]]:
    split = folder / "sentences"
    if not split.exists():
        split.mkdir(parents=True)
        for name, number in (("train", 40), ("test", 20)):
            sentences = "\n".join(_conll(i) for i in range(number))
            (split / f"{name}.txt").write_text(sentences)
        lines = [
            json.dumps(
                {
                    "tokens": ["the", COLOURS[i % 3], THINGS[i % 8]],
                    "ner_tags": ["O", "B-COLOUR", "O"],
                    "document": i // 3,
                    "day": f"2026-01-{i % 28 + 1:02d}",
                }
            )
            for i in range(60)
        ]
        (folder / "sentences.jsonl").write_text("\n".join(lines) + "\n")
    return {
        "data.source": [str(split), str(folder / "sentences.jsonl"), "sample"],
        "data.columns": ["none", "word,tag"],
        "data.group": ["none", "document"],
        "data.tag_names": ["none"],
    }


def _conll(number: int) -> str:
    colour, thing = COLOURS[number % 3], THINGS[number % 8]
    begins = "-DOCSTART- O\n\n" if number % 3 == 0 else ""
    return f"{begins}the O\nvery B-COLOUR\n{colour} I-COLOUR\n{thing} B-THING\nfell O\n"


def _rows(number: int) -> list[dict[str, Any]]:
    return [
        {
            "text": f"the {COLOURS[i % 3]} {THINGS[i % 8]} fell on the {THINGS[i % 7]} {i}",
            "title": f"a {COLOURS[i % 3]} thing",
            "label": COLOURS[i % 3],
            "zero": i % 3,
            "one": i % 3 + 1,
            "thread": i // 3,
            "day": f"2026-01-{i % 28 + 1:02d}",
        }
        for i in range(number)
    ]


def _write_csv(
    path: Path, rows: list[dict[str, Any]], columns: list[str], *, header: bool = True
) -> None:
    lines = [",".join(str(row[column]) for column in columns) for row in rows]
    path.write_text("\n".join(([",".join(columns)] if header else []) + lines) + "\n")


def _write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pandas

    pandas.DataFrame(rows).to_parquet(path)
