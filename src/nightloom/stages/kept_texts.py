"""Files of a version with as much of the data's texts as `report.texts` lets through.

What a stage wrote stays whole in the cache: it is what models are compared by. Copies go to MLflow.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nightloom.context import BuildContext
from nightloom.evaluation.texts import COLUMNS, ENTITIES, WORD, discreet, shortened, types_in
from nightloom.facts import DataFacts
from nightloom.registry.mlmodel import ModelCard
from nightloom.registry.versions import TEXTS_TAG, Version
from nightloom.settings.report import ReportSettings, Texts

PLACEHOLDER = "a text"
"""MLflow's input example where texts are not shown."""
PAGE = "<!doctype html>\n<title>Withheld</title>\n<p>Withheld by report.texts={}.</p>\n"
Row = Callable[[Mapping[str, Any]], dict[str, Any]]


def texts_of(context: BuildContext) -> Texts:
    """What the run's settings say."""
    return context.group("report", ReportSettings).texts


def texts_at(version: Version) -> str:
    """How much of the texts the files of a version have."""
    return version.tags.get(TEXTS_TAG, "full")


def with_texts(context: BuildContext, files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """The files of a run by their place there; copies with fewer texts are written to `folder`."""
    texts, found = texts_of(context), dict(files)
    if texts == "full":
        return found
    facts = context.facts("dataset", DataFacts)
    types = types_in(facts.task, facts.label_names)
    writers = {".json": _json, ".parquet": _parquet, ".csv": _csv}
    for place, path in files.items():
        copy = folder / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".html":
            copy.write_text(PAGE.format(texts), "utf-8")
            found[place] = copy
        elif path.suffix in writers and writers[path.suffix](
            path, copy, lambda row: discreet(row, texts, types)
        ):
            found[place] = copy
    return found


def card_with_texts(context: BuildContext, card: ModelCard) -> ModelCard:
    """What MLflow is told of a model, with an example that may be seen."""
    texts = texts_of(context)
    shown = dict.fromkeys(shortened(text, texts) or PLACEHOLDER for text in card.example)
    return card if texts == "full" else replace(card, example=tuple(shown))


def discreet_example(context: BuildContext, failed: Mapping[str, Any]) -> dict[str, Any]:
    """An example that does not hold, with as much of its texts as may be seen."""
    facts = context.facts("dataset", DataFacts)
    return discreet(failed, texts_of(context), types_in(facts.task, facts.label_names))


def _holds_texts(names: Sequence[str]) -> bool:
    return bool({*names} & {*COLUMNS, *ENTITIES, WORD})


def _json(path: Path, copy: Path, row: Row) -> bool:
    rows = json.loads(path.read_text("utf-8"))
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        return False
    copy.write_text(json.dumps([row(one) for one in rows], ensure_ascii=False) + "\n", "utf-8")
    return True


def _csv(path: Path, copy: Path, row: Row) -> bool:
    with (
        path.open(encoding="utf-8", newline="") as source,
        copy.open("w", encoding="utf-8", newline="") as target,
    ):
        reader = csv.DictReader(source)
        writer = csv.DictWriter(target, list(reader.fieldnames or ()))
        writer.writeheader()
        writer.writerows(map(row, reader))
    return True


def _parquet(path: Path, copy: Path, row: Row) -> bool:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    if not _holds_texts(table.column_names):
        return False
    for at, name in enumerate(table.column_names):
        if _holds_texts([name]):
            values = [row({name: value})[name] for value in table.column(at).to_pylist()]
            table = table.set_column(at, name, pyarrow.array(values))
    pyarrow.parquet.write_table(table, copy, compression="zstd")
    return True
