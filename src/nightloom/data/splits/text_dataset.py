"""Building the data set of labelled texts: read once into a staging file, cut, write the splits.

Rows pass through in batches; what stays in memory does not depend on how many there are.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nightloom.data import SPLITS
from nightloom.data.arrow import TEXT_FEATURE, SplitWriter, class_feature, write_json
from nightloom.data.formats.tables import Rows
from nightloom.data.labels.names import (
    NO_LABEL,
    alike,
    as_integers,
    maybe_missing,
    missing_labels,
    near_equal,
)
from nightloom.data.labels.vocabulary import LabelVocabulary, ResolvedLabels, resolve_labels
from nightloom.data.sources.opened import Opened, open_source
from nightloom.data.sources.unused import unused_fractions
from nightloom.data.splits.partition import LEFT_OUT, Cut, Partition, plan_partition
from nightloom.data.splits.repeats import Repeats, repeat_warnings
from nightloom.data.splits.text_staging import StagedTexts, stage_texts, without_labels
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import TextDataSettings
from nightloom.settings.spelling import listed, quoted

_SCHEMA = pa.schema([("text", pa.string()), ("label", pa.int64())])


def build_text_dataset(
    settings: TextDataSettings, out: Path, report: Report = SILENT
) -> dict[str, Any]:
    """Write the data set that the settings describe into the directory `out`; return its facts.

    `out` gets `train/`, `valid/`, `test/` (columns text: string, label: int64, as `datasets`
    wants class labels) and `dataset.json`, which holds the returned facts: task, label_names,
    rows and rows by class for each split, source, warnings (lines for the caller to show), and
    where there is something to say notes on how files were read (told to `report`). Equal sources
    and settings give equal bytes.

    Raises InputError for what is wrong with settings or rows, RunError where a download fails.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    staging = out / ".staging"
    staging.mkdir()
    try:
        source = open_source(settings, report)
        refuse = settings.unlabelled == "refuse"
        vocabulary = LabelVocabulary(_missing(settings, source))
        staged = {
            split: stage_texts(
                split, source, staging / f"{split}.arrow", vocabulary, report, refuse=refuse
            )
            for split in source.splits
        }
        source.watch.check()
        for note in source.notes.lines:
            report.log(note)
        labels = _resolve(settings, source, vocabulary)
        counts = {split: _by_class(part, labels) for split, part in staged.items()}
        warnings = _check_classes(labels, counts, vocabulary, staged)
        partition = plan_partition(
            counts,
            lambda: (labels.class_of_code[codes] for codes in staged["train"].codes()),
            Cut(settings.limit, settings.valid_fraction, settings.test_fraction, settings.seed),
            names=labels.names,
        )
        repeats = Repeats(staging / "repeats")
        classes = _write_splits(out, staged, labels, partition, repeats, report)
        warnings += _label_warnings(settings, source, labels, counts, staged, vocabulary)
        warnings += _empty_texts(staged) + repeat_warnings(repeats.count(), row="row", what="text")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    facts = {
        "task": "text",
        "label_names": list(labels.names),
        "rows": {split: sum(classes[split].values()) for split in SPLITS},
        "classes": classes,
        "labels_read_as": labels.read_as,
        "source": dict(source.facts),
        "warnings": [*source.warnings, *unused_fractions(settings, source.splits), *warnings],
    }
    if source.notes.lines:
        facts["notes"] = source.notes.lines
    write_json(out / "dataset.json", facts)
    return facts


def _resolve(
    settings: TextDataSettings, source: Opened[Rows], vocabulary: LabelVocabulary
) -> ResolvedLabels:
    own, given = source.label_names, settings.label_names
    if own is None:
        return resolve_labels(vocabulary, given, base=settings.label_base)
    labels = resolve_labels(vocabulary, own, base=0)
    if settings.label_base == 1:
        raise InputError(
            f"data.label_base=1 of data.label_names: the labels of {settings.source} are counted "
            "from 0, for they have names there; leave out data.label_base"
        )
    if given is None:
        return labels
    if len(given) != len(own):
        raise InputError(
            f"data.label_names has {len(given)} names, {settings.source} has {len(own)} classes: "
            f"{listed(own)}"
        )
    if set(given) == set(own):
        order = np.array([given.index(name) for name in own], dtype=np.int32)
        return ResolvedLabels(given, order[labels.class_of_code], labels.read_as)
    return ResolvedLabels(given, labels.class_of_code, labels.read_as)


def _missing(settings: TextDataSettings, source: Opened[Rows]) -> frozenset[str]:
    names = settings.label_names or source.label_names
    return missing_labels(settings.missing_labels, names)


def _label_warnings(
    settings: TextDataSettings,
    source: Opened[Rows],
    labels: ResolvedLabels,
    counts: Mapping[str, np.ndarray],
    staged: Mapping[str, StagedTexts],
    vocabulary: LabelVocabulary,
) -> list[str]:
    """What is said of rows without a label, and of labels that may be none or be the same."""
    warnings = []
    for split, part in staged.items():
        if part.missing:
            forms = ", ".join(f"{count} {form}" for form, count in part.missing.most_common(6))
            warnings.append(
                f"{part.missing.total()} {split} rows have no label and are left out ({forms}), "
                f"the first at {part.first_missing}; data.missing_labels says what counts as none"
            )
    if settings.label_names is None and source.label_names is None:
        rows = np.sum(list(counts.values()), axis=0).tolist()
        given = settings.missing_labels
        if given is None or given:  # [] says that all are classes
            warnings += maybe_missing(labels.names, rows, given or vocabulary.missing)
        warnings += near_equal(labels.names, rows)
        points = [value for value in vocabulary.values if "." in value]
        if points and as_integers(vocabulary.values) and (read := as_integers(points)):
            warnings.append(f"labels are read as integers: {points[0]} is {read[0]}")
    return warnings


def _by_class(part: StagedTexts, labels: ResolvedLabels) -> np.ndarray:
    counts = np.zeros(len(labels.names), dtype=np.int64)
    np.add.at(counts, labels.class_of_code[: len(part.rows_of_code)], part.rows_of_code)
    return counts


def _check_classes(
    labels: ResolvedLabels,
    counts: Mapping[str, np.ndarray],
    vocabulary: LabelVocabulary,
    staged: Mapping[str, StagedTexts],
) -> list[str]:
    """Raise InputError where training makes no sense; return warnings where a class is absent."""
    present = np.flatnonzero(counts["train"])
    if len(present) < 2:
        only = quoted(labels.names[present[0]], 40)
        raise InputError(
            f"{staged['train'].place}: all training rows have the label {only}; expected at "
            "least two classes (is data.label the right column?)"
        )
    for split in ("valid", "test"):
        if split not in counts:
            continue
        classes = np.flatnonzero(counts[split])
        if [labels.names[at] for at in classes] == [NO_LABEL] and not counts["train"][classes[0]]:
            forms = {f"'{NO_LABEL}'": staged[split].rows}
            raise InputError(without_labels(split, staged[split].place, forms, counts))
        for number in np.flatnonzero((counts[split] > 0) & (counts["train"] == 0)).tolist():
            in_split = np.flatnonzero(staged[split].rows_of_code)
            code = next(code for code in in_split if labels.class_of_code[code] == number)
            near = alike(labels.names[number], (labels.names[at] for at in present))
            hint = f" (train has {quoted(near, 40)})" if near else ""
            raise InputError(
                f"{vocabulary.places[code]}: label {quoted(labels.names[number], 40)} stands in "
                f"{counts[split][number]} {split} rows but in no training row{hint}; "
                "add training rows of it or remove these; data.missing_labels says what stands for "
                "no label"
            )
    warnings = []
    for split, rows in counts.items():
        absent = [name for name, count in zip(labels.names, rows, strict=True) if not count]
        if absent:
            warnings.append(f"no {split} row of class {listed(absent)}")
    return warnings


def _empty_texts(staged: Mapping[str, StagedTexts]) -> list[str]:
    return [
        f"{part.empty} empty texts in the source's {split} rows, the first at {part.first_empty}"
        for split, part in staged.items()
        if part.empty
    ]


def _placed(
    staged: Mapping[str, StagedTexts], labels: ResolvedLabels, partition: Partition
) -> Iterator[tuple[pa.Array, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield texts, their classes, their hashes and where they go, for the rows of all splits."""
    for split, part in staged.items():
        start = 0
        for texts, codes, hashes in part.batches():
            classes = labels.class_of_code[codes]
            yield texts, classes, hashes, partition.where(split, classes, start)
            start += len(classes)


def _write_splits(
    out: Path,
    staged: Mapping[str, StagedTexts],
    labels: ResolvedLabels,
    partition: Partition,
    repeats: Repeats,
    report: Report,
) -> dict[str, dict[str, int]]:
    """Write the rows to where they go; return the rows of each class in each split."""
    features = {"text": TEXT_FEATURE, "label": class_feature(labels.names)}
    counts = {split: np.zeros(len(labels.names), dtype=np.int64) for split in SPLITS}
    total = sum(part.rows for part in staged.values())
    done = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(SplitWriter(out / split, _SCHEMA, features)) for split in SPLITS
        ]
        for texts, classes, hashes, where in _placed(staged, labels, partition):
            repeats.add(hashes, where)
            for number in np.unique(where[where != LEFT_OUT]):
                chosen = where == number
                counts[SPLITS[number]] += np.bincount(classes[chosen], minlength=len(labels.names))
                written = [texts.filter(pa.array(chosen)), pa.array(classes[chosen], pa.int64())]
                writers[number].write(
                    pa.RecordBatch.from_arrays(written, schema=writers[number].schema)
                )
            done += len(classes)
            report.progress(what="write splits", done=done, total=total, unit="rows")
    return {
        split: dict(zip(labels.names, rows.tolist(), strict=True)) for split, rows in counts.items()
    }
