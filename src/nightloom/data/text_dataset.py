"""Building the data set of labelled texts: read once into a staging file, cut, write the splits.

Texts pass through in batches; what stays in memory is some 30 bytes a row (class, hash of the
text, where the row goes).
"""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloom.data.arrow import (
    TEXT_FEATURE,
    SplitWriter,
    StreamWriter,
    class_feature,
    open_split,
    write_json,
)
from nightloom.data.files import SPLITS, shown
from nightloom.data.labels import LabelVocabulary, ResolvedLabels, resolve_labels
from nightloom.data.partition import LEFT_OUT, Cut, assign
from nightloom.data.tables import Rows
from nightloom.data.text_sources import TextSource, open_texts
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import TextDataSettings

_STAGED = pa.schema([("text", pa.string())])
_SCHEMA = pa.schema([("text", pa.string()), ("label", pa.int64())])


@dataclass(frozen=True, slots=True)
class _Staged:
    """One split of the source, read: texts on disk, one number of each kind a row in memory."""

    path: Path
    codes: np.ndarray
    hashes: np.ndarray
    empty: int
    first_empty: str


def build_text_dataset(
    settings: TextDataSettings, out: Path, report: Report = SILENT
) -> dict[str, Any]:
    """Write the data set that the settings describe into the directory `out`; return its facts.

    `out` gets `train/`, `valid/`, `test/` (columns text: string, label: int64, as `datasets`
    wants class labels) and `dataset.json`,
    which holds the returned facts: task, label_names, rows and rows by class for each split,
    source, warnings. Equal sources and settings give equal bytes.

    Raises InputError for what is wrong with settings or rows, RunError where a download fails.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    staging = out / ".staging"
    staging.mkdir()
    try:
        source = open_texts(settings, report)
        vocabulary = LabelVocabulary()
        staged = {
            split: _stage(split, source, staging / f"{split}.arrow", vocabulary, report)
            for split in source.splits
        }
        source.watch.check()
        labels = _resolve(settings, source, vocabulary)
        classes = {split: labels.class_of_code[part.codes] for split, part in staged.items()}
        warnings = _check_classes(labels, classes, vocabulary, staged)
        goes = assign(
            classes,
            Cut(settings.limit, settings.valid_fraction, settings.test_fraction, settings.seed),
            names=labels.names,
        )
        warnings += _empty_texts(staged) + _repeated_texts(staged, goes)
        counts = _write_splits(out, staged, classes, goes, labels, report)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    facts = {
        "task": "text",
        "label_names": list(labels.names),
        "rows": {split: sum(counts[split].values()) for split in SPLITS},
        "classes": counts,
        "labels_read_as": labels.read_as,
        "source": dict(source.facts),
        "warnings": warnings,
    }
    write_json(out / "dataset.json", facts)
    for warning in warnings:
        report.warn(warning)
    return facts


def _stage(
    split: str, source: TextSource, path: Path, vocabulary: LabelVocabulary, report: Report
) -> _Staged:
    place = source.places[split]
    codes: list[np.ndarray] = []
    hashes: list[np.ndarray] = []
    empty, first_empty, rows = 0, "", 0
    with StreamWriter(path, _STAGED) as writer:
        for batch in source.splits[split]:
            codes.append(vocabulary.encode(batch.labels, batch.numbers, place))
            # str hashes differ between processes, which of them are equal does not.
            hashes.append(np.array([hash(text) for text in batch.texts], dtype=np.int64))
            writer.write(_as_arrow(batch, place))
            blank = [
                n for text, n in zip(batch.texts, batch.numbers, strict=True) if not text.strip()
            ]
            if blank and not empty:
                first_empty = f"{source.names[split]}:{blank[0]}"
            empty += len(blank)
            rows += len(batch.texts)
            report.progress(what=f"read {split}", done=rows, total=None, unit="rows")
    if rows == 0:
        raise InputError(f"{place}: no rows; expected rows for the {split} split")
    return _Staged(path, np.concatenate(codes), np.concatenate(hashes), empty, first_empty)


def _as_arrow(batch: Rows, place: str) -> pa.RecordBatch:
    try:
        texts = pa.array(batch.texts, type=pa.string())
    except UnicodeEncodeError:
        for text, number in zip(batch.texts, batch.numbers, strict=True):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InputError(
                    f"{place}:{number}: the text holds half of a surrogate pair "
                    f"({text[error.start]!a}), which is no character; mend or remove it"
                ) from error
        raise
    with_nul = pc.match_substring(texts, "\0")
    if pc.any(with_nul).as_py():
        at = pc.index(with_nul, True).as_py()
        raise InputError(f"{place}:{batch.numbers[at]}: the text holds a NUL character; remove it")
    return pa.RecordBatch.from_arrays([texts], schema=_STAGED)


def _resolve(
    settings: TextDataSettings, source: TextSource, vocabulary: LabelVocabulary
) -> ResolvedLabels:
    own, given = source.label_names, settings.label_names
    if own is None:
        return resolve_labels(vocabulary, given, base=settings.label_base)
    labels = resolve_labels(vocabulary, own, base=0)
    if given is None:
        return labels
    if len(given) != len(own):
        raise InputError(
            f"data.label_names has {len(given)} names, {settings.source} has {len(own)} classes: "
            f"{', '.join(own)}"
        )
    if set(given) == set(own):
        order = np.array([given.index(name) for name in own], dtype=np.int32)
        return ResolvedLabels(given, order[labels.class_of_code], labels.read_as)
    return ResolvedLabels(given, labels.class_of_code, labels.read_as)


def _check_classes(
    labels: ResolvedLabels,
    classes: Mapping[str, np.ndarray],
    vocabulary: LabelVocabulary,
    staged: Mapping[str, _Staged],
) -> list[str]:
    """Raise InputError where training makes no sense; return warnings where a class is absent."""
    present = {split: set(np.unique(rows).tolist()) for split, rows in classes.items()}
    if len(present["train"]) < 2:
        only = shown(labels.names[next(iter(present["train"]))], 40)
        raise InputError(
            f"all training rows have the label '{only}'; expected at least two classes "
            "(is data.label the right column?)"
        )
    warnings = []
    for split in ("valid", "test"):
        for number in sorted(present.get(split, set()) - present["train"]):
            codes = set(np.flatnonzero(labels.class_of_code == number)) & set(
                np.unique(staged[split].codes).tolist()
            )
            rows = int((classes[split] == number).sum())
            raise InputError(
                f"{vocabulary.places[min(codes)]}: label '{shown(labels.names[number], 40)}' stands in "
                f"{rows} {split} rows but in no training row; add training rows of it or remove "
                "these"
            )
    for split, seen in present.items():
        absent = [name for number, name in enumerate(labels.names) if number not in seen]
        if absent:
            warnings.append(f"no {split} row of class {', '.join(absent)}")
    return warnings


def _empty_texts(staged: Mapping[str, _Staged]) -> list[str]:
    return [
        f"{part.empty} empty texts in the source's {split} rows, the first at {part.first_empty}"
        for split, part in staged.items()
        if part.empty
    ]


def _repeated_texts(staged: Mapping[str, _Staged], goes: Mapping[str, np.ndarray]) -> list[str]:
    texts = {
        number: np.concatenate(
            [part.hashes[goes[split] == number] for split, part in staged.items()]
        )
        for number in range(len(SPLITS))
    }
    train = np.unique(texts[0])
    warnings = []
    repeated = len(texts[0]) - len(train)
    if repeated:
        warnings.append(f"{repeated} training rows repeat the text of another training row")
    for number in range(1, len(SPLITS)):
        shared = int(np.isin(texts[number], train).sum())
        if shared:
            warnings.append(f"{shared} {SPLITS[number]} rows have a text that is in train as well")
    return warnings


def _write_splits(
    out: Path,
    staged: Mapping[str, _Staged],
    classes: Mapping[str, np.ndarray],
    goes: Mapping[str, np.ndarray],
    labels: ResolvedLabels,
    report: Report,
) -> dict[str, dict[str, int]]:
    features = {"text": TEXT_FEATURE, "label": class_feature(labels.names)}
    counts = {split: np.zeros(len(labels.names), dtype=np.int64) for split in SPLITS}
    total = sum(len(part.codes) for part in staged.values())
    done = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(SplitWriter(out / split, _SCHEMA, features)) for split in SPLITS
        ]
        for split, part in staged.items():
            start = 0
            for batch in open_split(part.path):
                stop = start + batch.num_rows
                label, where = classes[split][start:stop], goes[split][start:stop]
                for number in np.unique(where[where != LEFT_OUT]):
                    chosen = where == number
                    counts[SPLITS[number]] += np.bincount(
                        label[chosen], minlength=len(labels.names)
                    )
                    texts = batch.column(0).filter(pa.array(chosen))
                    written = [texts, pa.array(label[chosen], type=pa.int64())]
                    writers[number].write(
                        pa.RecordBatch.from_arrays(written, schema=writers[number].schema)
                    )
                start = stop
                done += batch.num_rows
                report.progress(what="write splits", done=done, total=total, unit="rows")
    return {
        split: dict(zip(labels.names, rows.tolist(), strict=True)) for split, rows in counts.items()
    }
