"""Building the data set of tagged sentences: read once into a staging file, cut, write the splits.

The scheme of the tags is seen from all training sentences, so they are read to the end first.
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

from nightloom.data.arrow import (
    TEXT_FEATURE,
    SplitWriter,
    StreamWriter,
    class_feature,
    list_feature,
    open_split,
    write_json,
)
from nightloom.data.conll import Sentences
from nightloom.data.files import SPLITS
from nightloom.data.partition import LEFT_OUT, Cut, assign
from nightloom.data.tag_schemes import SchemeCount, impossible, spans, split_tag, tags_from_spans
from nightloom.data.token_sources import TokenSource, open_sentences
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import EntityDataSettings

_STAGED = pa.schema(
    [
        ("tokens", pa.list_(pa.string())),
        ("tags", pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        ("start", pa.int64()),
    ]
)
_SCHEMA = pa.schema([("tokens", pa.list_(pa.string())), ("tags", pa.list_(pa.int64()))])
_SHOWN = 3


@dataclass(slots=True)
class _Staged:
    """One split of the source, read: sentences on disk, what their tags look like in memory."""

    place: str
    name: str
    path: Path
    rows: int = 0
    empty: int = 0
    line_a_word: bool = False
    count: SchemeCount = field(default_factory=SchemeCount)
    types: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Problems:
    """Impossible tag sequences of one split: how many and the first few."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.count += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(text)


def build_entity_dataset(
    settings: EntityDataSettings, out: Path, report: Report = SILENT
) -> dict[str, Any]:
    """Write the data set that the settings describe into the directory `out`; return its facts.

    `out` gets `train/`, `valid/`, `test/` (columns tokens: list of string, tags: list of int64, in
    IOB2) and `dataset.json`, which holds the returned facts: task, label_names (O, then B- and I-
    of each type, types sorted), rows, words and entities by type for each split, the scheme seen,
    sequences repaired, source, warnings. Equal sources and settings give equal bytes.

    Raises InputError for what is wrong with settings or rows, RunError where a download fails.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    staging = out / ".staging"
    staging.mkdir()
    try:
        source = open_sentences(settings, report)
        staged = {
            split: _stage(split, source, staging / f"{split}.arrow", report)
            for split in source.splits
        }
        source.watch.check()
        schemes = _schemes(settings.scheme, staged)
        types = sorted(set().union(*(part.types for part in staged.values())))
        names = ["O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]
        goes = assign(
            {split: np.zeros(part.rows, dtype=np.int32) for split, part in staged.items()},
            Cut(settings.limit, settings.valid_fraction, settings.test_fraction, settings.seed),
            names=None,
        )
        problems = {split: _Problems() for split in staged}
        counts = _write_splits(out, staged, schemes, goes, names, problems, settings, report)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    warnings = _warnings(staged, schemes, problems, counts)
    facts = {
        "task": "entities",
        "label_names": names,
        "rows": {split: counts[split].rows for split in SPLITS},
        "words": {split: counts[split].words for split in SPLITS},
        "entities": {split: dict(sorted(counts[split].entities.items())) for split in SPLITS},
        "scheme": schemes,
        "repaired": {split: found.count for split, found in problems.items()},
        "source": dict(source.facts),
        "warnings": warnings,
    }
    write_json(out / "dataset.json", facts)
    for warning in warnings:
        report.warn(warning)
    return facts


def _stage(split: str, source: TokenSource, path: Path, report: Report) -> _Staged:
    part = _Staged(source.places[split], source.names[split], path)
    with StreamWriter(path, _STAGED) as writer:
        for batch in source.splits[split]:
            part.line_a_word = batch.line_a_word
            kept = Sentences(batch.line_a_word)
            for tokens, tags, start in zip(batch.tokens, batch.tags, batch.starts, strict=True):
                if not tokens:
                    part.empty += 1
                    continue
                part.count.add(tags)
                kept.add(tokens, tags, start)
            part.types.update(
                split_tag(tag)[1] for tag in set().union(*map(set, kept.tags)) if tag != "O"
            )
            writer.write(_as_arrow(kept, part))
            part.rows += len(kept.tokens)
            report.progress(what=f"read {split}", done=part.rows, total=None, unit="sentences")
    if part.rows == 0:
        raise InputError(f"{part.place}: no sentences; expected tagged words for {split}")
    if split == "train" and not part.types:
        raise InputError(
            f"{part.place}: all words are tagged O; expected entities to learn from "
            "(data.columns says which column holds the tags)"
        )
    return part


def _as_arrow(batch: Sentences, part: _Staged) -> pa.RecordBatch:
    for tokens, start in zip(batch.tokens, batch.starts, strict=True):
        joined = "".join(tokens)
        if "\0" in joined or not _encodes(joined):
            raise InputError(
                f"{part.place}:{start}: a token holds a NUL or half of a surrogate pair; remove it"
            )
    arrays = [
        pa.array(batch.tokens, type=_STAGED.field("tokens").type),
        pa.array(batch.tags, type=_STAGED.field("tags").type),
        pa.array(batch.starts, type=pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_STAGED)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _schemes(stated: str, staged: Mapping[str, _Staged]) -> dict[str, str]:
    """The scheme of each split: the one stated, else that of train, unless a split contradicts it.

    A split is read by another scheme only where it breaks train's and fully keeps to its own.
    """
    if stated != "auto":
        return dict.fromkeys(staged, stated)
    of_train = staged["train"].count.scheme
    found = {}
    for split, part in staged.items():
        own = part.count.scheme
        found[split] = (
            own if _breaks(part.count, of_train) and not _breaks(part.count, own) else of_train
        )
    return found


def _breaks(count: SchemeCount, scheme: str) -> bool:
    if scheme == "bilou":
        return not count.last_or_unit and count.entities > 0
    against = count.against_iob1 if scheme == "iob1" else count.against_iob2
    return bool(count.last_or_unit or against)


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    words: int = 0
    entities: Counter[str] = field(default_factory=Counter)


def _write_splits(
    out: Path,
    staged: Mapping[str, _Staged],
    schemes: Mapping[str, str],
    goes: Mapping[str, np.ndarray],
    names: Sequence[str],
    problems: Mapping[str, _Problems],
    settings: EntityDataSettings,
    report: Report,
) -> dict[str, _Counts]:
    features = {
        "tokens": list_feature(TEXT_FEATURE),
        "tags": list_feature(class_feature(names)),
    }
    number_of = {name: number for number, name in enumerate(names)}
    counts = {split: _Counts() for split in SPLITS}
    total = sum(part.rows for part in staged.values())
    done = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(SplitWriter(out / split, _SCHEMA, features)) for split in SPLITS
        ]
        for split, part in staged.items():
            at = 0
            for batch in open_split(part.path):
                tags = _normalised(batch, part, schemes[split], problems[split], settings)
                where = goes[split][at : at + batch.num_rows]
                codes = pa.array(
                    [[number_of[tag] for tag in sentence] for sentence, _ in tags],
                    type=pa.list_(pa.int64()),
                )
                for number in np.unique(where[where != LEFT_OUT]):
                    chosen = where == number
                    mask = pa.array(chosen)
                    written = [batch.column(0).filter(mask), codes.filter(mask)]
                    writers[number].write(
                        pa.RecordBatch.from_arrays(written, schema=writers[number].schema)
                    )
                    _count(counts[SPLITS[number]], [tags[i] for i in np.flatnonzero(chosen)])
                at += batch.num_rows
                done += batch.num_rows
                report.progress(what="write splits", done=done, total=total, unit="sentences")
    return counts


def _count(counts: _Counts, sentences: list[tuple[list[str], list[str]]]) -> None:
    counts.rows += len(sentences)
    for tags, types in sentences:
        counts.words += len(tags)
        counts.entities.update(types)


def _normalised(
    batch: pa.RecordBatch,
    part: _Staged,
    scheme: str,
    problems: _Problems,
    settings: EntityDataSettings,
) -> list[tuple[list[str], list[str]]]:
    """IOB2 tags and types of the entities of each sentence; impossible tags go to `problems`."""
    result = []
    for tags, start in _sentences(batch):
        for at, reason in impossible(tags, scheme):
            line = start + at if part.line_a_word else start
            text = f"{line}: {reason} is impossible in {scheme}"
            if settings.invalid_tags == "refuse":
                raise InputError(
                    f"{part.place}:{text}; mend the tags, state data.scheme, or set "
                    "data.invalid_tags=repair"
                )
            problems.add(f"{part.name}:{text}")
        found = spans(tags)
        result.append((tags_from_spans(found, len(tags)), [kind for kind, _, _ in found]))
    return result


def _sentences(batch: pa.RecordBatch) -> Iterator[tuple[list[str], int]]:
    return zip(batch.column(1).to_pylist(), batch.column(2).to_pylist(), strict=True)


def _warnings(
    staged: Mapping[str, _Staged],
    schemes: Mapping[str, str],
    problems: Mapping[str, _Problems],
    counts: Mapping[str, _Counts],
) -> list[str]:
    warnings = []
    for split, part in staged.items():
        if part.empty:
            warnings.append(f"{part.empty} sentences of {split} have no words and were left out")
        if schemes[split] != schemes["train"]:
            warnings.append(
                f"{split} is tagged in {schemes[split]}, train in {schemes['train']}; "
                "each was read in its own"
            )
        found = problems[split]
        if found.count:
            warnings.append(
                f"{found.count} impossible tags in {split} were read as the CoNLL scorer does: "
                + "; ".join(found.shown)
                + ("; ..." if found.count > _SHOWN else "")
            )
    known = set(counts["train"].entities)
    for split in ("valid", "test"):
        absent = sorted(known - set(counts[split].entities))
        new = sorted(set(counts[split].entities) - known)
        if absent:
            warnings.append(f"no {split} entity of type {', '.join(absent)}")
        if new:
            warnings.append(f"{split} has entities of type {', '.join(new)}, train has none")
    return warnings
