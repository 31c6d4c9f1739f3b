"""Building the data set of tagged sentences: read once into a staging file, cut, write the splits.

The scheme of the tags is seen from all training sentences, so they are read to the end first.
Sentences pass through in batches; what stays in memory does not depend on how many there are.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nightloom.data import SPLITS
from nightloom.data.arrow import (
    ROWS_PER_BATCH,
    TEXT_FEATURE,
    SplitWriter,
    class_feature,
    list_feature,
    write_json,
)
from nightloom.data.labels.names import near_equal
from nightloom.data.labels.tag_reader import Reading, TagReader
from nightloom.data.sources.opened import open_source
from nightloom.data.sources.unused import unused_fractions
from nightloom.data.splits.partition import LEFT_OUT, Cut, Partition, plan_partition
from nightloom.data.splits.repeats import Repeats, repeat_warnings
from nightloom.data.splits.token_staging import see_schemes, stage_sentences
from nightloom.progress import SILENT, Report
from nightloom.settings.data import EntityDataSettings
from nightloom.settings.spelling import listed

_SCHEMA = pa.schema([("tokens", pa.list_(pa.string())), ("tags", pa.list_(pa.int64()))])


@dataclass(slots=True)
class _Counts:
    """What one split that is written holds."""

    rows: int = 0
    words: int = 0
    entities: Counter[str] = field(default_factory=Counter)

    def add(self, sentences: Sequence[Reading]) -> None:
        self.rows += len(sentences)
        for tags, types in sentences:
            self.words += len(tags)
            self.entities.update(types)


def build_entity_dataset(
    settings: EntityDataSettings, out: Path, report: Report = SILENT
) -> dict[str, Any]:
    """Write the data set that the settings describe into the directory `out`; return its facts.

    `out` gets `train/`, `valid/`, `test/` (columns tokens: list of string, tags: list of int64, in
    IOB2) and `dataset.json`, which holds the returned facts: task, label_names (O, then B- and I-
    of each type, types sorted), rows, words and entities by type for each split, the scheme seen,
    sequences repaired, source, what was read as what, warnings (lines for the caller to show).
    Equal sources and settings give equal bytes.

    Raises InputError for what is wrong with settings or rows, RunError where a download fails.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    staging = out / ".staging"
    staging.mkdir()
    try:
        source = open_source(settings, report)
        staged = {
            split: stage_sentences(split, source, staging / f"{split}.arrow", report)
            for split in source.splits
        }
        source.watch.check()
        for line in source.notes.read_as.values():
            report.log(line)
        schemes = see_schemes(settings.scheme, staged)
        types = sorted(set().union(*(part.types for part in staged.values())))
        names = ["O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]
        partition = plan_partition(
            {split: np.array([part.rows]) for split, part in staged.items()},
            lambda: _of_one_class(staged["train"].rows),
            Cut(settings.limit, settings.valid_fraction, settings.test_fraction, settings.seed),
            names=None,
        )
        refuse = settings.invalid_tags == "refuse"
        readers = {split: TagReader(part, schemes[split], refuse) for split, part in staged.items()}
        repeats = Repeats(staging / "repeats")
        counts = _write_splits(out, readers, partition, names, repeats, report)
        repeated = repeat_warnings(repeats.count(), row="sentence", what="words")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    facts = {
        "task": "entities",
        "label_names": names,
        "rows": {split: counts[split].rows for split in SPLITS},
        "words": {split: counts[split].words for split in SPLITS},
        "entities": {split: dict(sorted(counts[split].entities.items())) for split in SPLITS},
        "scheme": schemes,
        "repaired": {split: reader.repaired for split, reader in readers.items()},
        "source": dict(source.facts),
        "read_as": dict(source.notes.read_as),
        "warnings": [
            *source.warnings,
            *unused_fractions(settings, source.splits),
            *source.notes.warnings,
            *_source_warnings(readers),
            *repeated,
            *_type_warnings(counts),
        ],
    }
    write_json(out / "dataset.json", facts)
    return facts


def _of_one_class(rows: int) -> Iterator[np.ndarray]:
    for start in range(0, rows, ROWS_PER_BATCH):
        yield np.zeros(min(ROWS_PER_BATCH, rows - start), dtype=np.int32)


def _placed(
    readers: Mapping[str, TagReader], partition: Partition
) -> Iterator[tuple[pa.Array, list[Reading], np.ndarray, np.ndarray]]:
    """Yield words, tags as read, hashes and where they go, for the sentences of all splits."""
    for split, reader in readers.items():
        start = 0
        for tokens, tags, lines, hashes in reader.part.batches():
            where = partition.where(split, np.zeros(len(tags), dtype=np.int32), start)
            yield tokens, reader.read(tags, lines), hashes, where
            start += len(tags)


def _write_splits(
    out: Path,
    readers: Mapping[str, TagReader],
    partition: Partition,
    names: Sequence[str],
    repeats: Repeats,
    report: Report,
) -> dict[str, _Counts]:
    """Write the sentences to where they go; return what each split then holds."""
    features = {
        "tokens": list_feature(TEXT_FEATURE),
        "tags": list_feature(class_feature(names)),
    }
    number_of = {name: number for number, name in enumerate(names)}
    counts = {split: _Counts() for split in SPLITS}
    total = sum(reader.part.rows for reader in readers.values())
    done = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(SplitWriter(out / split, _SCHEMA, features)) for split in SPLITS
        ]
        for tokens, read, hashes, where in _placed(readers, partition):
            repeats.add(hashes, where)
            codes = pa.array(
                [[number_of[tag] for tag in tags] for tags, _ in read], pa.list_(pa.int64())
            )
            for number in np.unique(where[where != LEFT_OUT]):
                chosen = where == number
                mask = pa.array(chosen)
                writers[number].write(
                    pa.RecordBatch.from_arrays(
                        [tokens.filter(mask), codes.filter(mask)], schema=writers[number].schema
                    )
                )
                counts[SPLITS[number]].add([read[at] for at in np.flatnonzero(chosen)])
            done += len(read)
            report.progress(what="write splits", done=done, total=total, unit="sentences")
    return counts


def _source_warnings(readers: Mapping[str, TagReader]) -> list[str]:
    warnings = []
    of_train = readers["train"].scheme
    for split, reader in readers.items():
        if reader.part.empty:
            warnings.append(
                f"{reader.part.empty} sentences of {split} have no words and were left out"
            )
        if reader.scheme != of_train:
            warnings.append(
                f"{split} is tagged in {reader.scheme}, train in {of_train}; "
                "each was read in its own"
            )
        warnings += reader.warnings(split)
    return warnings


def _type_warnings(counts: Mapping[str, _Counts]) -> list[str]:
    warnings = []
    of_train = counts["train"].entities
    known = set(of_train)
    warnings += near_equal(
        sorted(known),
        [of_train[kind] for kind in sorted(known)],
        what="types of entities",
        unit="in train",
    )
    for split in SPLITS[1:]:
        absent = sorted(known - set(counts[split].entities))
        new = sorted(set(counts[split].entities) - known)
        if absent:
            warnings.append(f"no {split} entity of type {listed(absent)}")
        if new:
            warnings.append(f"{split} has entities of type {listed(new)}, train has none")
    return warnings
