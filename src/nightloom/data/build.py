"""From a source to a data set on disk: read once into a staging file, split, write the splits.

The path is the same for all tasks; task-specific code is in `splits/texts.py` and
`splits/sentences.py`. Rows pass through in batches; memory does not depend on their number.
"""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nightloom.data import SPLITS
from nightloom.data.arrow import TEXT_FEATURE, SplitWriter, StreamWriter, open_split, write_json
from nightloom.data.near.rows import NearRows
from nightloom.data.sources.opened import Opened, open_source
from nightloom.data.sources.unused import unused_cuts
from nightloom.data.splits.examples import Examples, Part, Written
from nightloom.data.splits.partition import LEFT_OUT, Cut, Partition, plan_partition
from nightloom.data.splits.repeats import Repeats, repeat_warnings
from nightloom.data.splits.staged import Staged
from nightloom.data.tasks import examples_of
from nightloom.errors import RunError
from nightloom.facts import DataFacts
from nightloom.progress import SILENT, Report
from nightloom.settings.data import DataSettings
from nightloom.settings.data_values import microseconds


def build_dataset(
    settings: DataSettings,
    out: Path,
    report: Report = SILENT,
    *,
    expected: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the data set that the settings describe into the directory `out`; return its facts.

    `out` gets `train/`, `valid/`, `test/` (of texts, columns text: string, label: int64, as
    `datasets` wants class labels; of sentences, tokens: list of string, tags: list of int64, in
    IOB2; of both also kept columns) and `dataset.json`, which holds the returned facts: task,
    label_names (of sentences O, then B- and I- of each type, types sorted), rows for each split,
    source, warnings (lines for the caller to show), task-specific facts, and notes, if any, on how
    files were read (also passed to `report`). Equal sources and settings give equal bytes.

    `expected` is the source's identity when the key was computed.

    Raises InputError for wrong settings or rows, RunError if a download fails or the source has
    changed since.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    staging = out / ".staging"
    staging.mkdir()
    with ExitStack() as around:
        around.callback(shutil.rmtree, staging, ignore_errors=True)
        source = open_source(settings, report)
        if expected is not None and source.identity not in (None, expected):
            raise RunError(
                f"{settings.source} changed while it was being read; run again once it is complete"
            )
        examples: Examples[Any, Any] = examples_of(settings.task)(settings, source)
        near = around.enter_context(
            NearRows(staging / "near", threshold=settings.near_threshold, way=settings.near)
        )
        parts = {
            split: _stage(split, source, examples, near, staging / f"{split}.arrow", report)
            for split in source.splits
        }
        source.watch.check()
        for line in (*source.notes.lines, *source.notes.read_as.values()):
            report.log(line)
        examples.resolve(parts)
        cut, rows = _cut(settings), Staged(parts, examples)
        report.log(f"near-duplicates are sought in {near.rows} {examples.unit}")
        if near.merges:
            rows.merge(near)
        partition = plan_partition(
            examples.counts(parts),
            rows.training_rows,
            cut,
            names=examples.class_names,
            drop=lambda plan: rows.drop_near(near, plan, staging / "goes.bin"),
        )
        repeats = Repeats(staging / "repeats")
        by = partition.facts(cut)
        written = _write_splits(out, rows, examples, partition, repeats, report)
        examples.check_written(written, by)
        repeated = repeat_warnings(
            repeats.count(), row=examples.unit.removesuffix("s"), what=examples.equal
        )
    facts = DataFacts(
        task=settings.task,
        label_names=list(examples.label_names),
        rows={split: written[split].rows for split in SPLITS},
        source=dict(source.facts),
        warnings=[
            *source.warnings,
            *unused_cuts(settings, source.splits),
            *examples.warnings(parts, written, repeated),
            *near.warnings(examples.unit),
        ],
        notes=source.notes.lines or None,
        more={**examples.facts(written), "near": near.facts, **_asked(settings, by)},
    ).to_json()
    write_json(out / "dataset.json", facts)
    return facts


def _asked(settings: DataSettings, by: Mapping[str, str]) -> dict[str, Any]:
    """What decides the rows' splits besides their text, if anything."""
    days = {"since": settings.since, "until": settings.until}
    within = {name: day for name, day in days.items() if day is not None}
    return {name: told for name, told in (("cut", by), ("within", within)) if told}


def _cut(settings: DataSettings) -> Cut:
    test_from = settings.test_from
    return Cut(
        settings.limit,
        settings.valid_fraction,
        settings.test_fraction,
        settings.seed,
        group=settings.group,
        time=settings.time,
        test_from=None if test_from is None else microseconds(test_from),
    )


def _stage(
    split: str,
    source: Opened[Any],
    examples: Examples[Any, Any],
    near: NearRows,
    path: Path,
    report: Report,
) -> Part:
    """Read one split of the source into the Arrow stream `path`."""
    part: Part = examples.part(split, path)
    with StreamWriter(path, examples.staged) as writer:
        for batch in source.splits[split]:
            staged = examples.stage(part, batch)
            writer.write(staged)
            near.add(split, examples.texts(staged))
            report.progress(what=f"read {split}", done=part.rows, total=None, unit=examples.unit)
    examples.check_part(part)
    return part


def _write_splits(
    out: Path,
    staged: Staged,
    examples: Examples[Any, Any],
    partition: Partition,
    repeats: Repeats,
    report: Report,
) -> dict[str, Written]:
    """Write the rows to their splits; return what each split then holds."""
    kept = [TEXT_FEATURE] * len(examples.keep)
    features = dict(zip(examples.written.names, [*examples.features(), *kept], strict=True))
    names = len(examples.label_names)
    written = {split: Written(0, np.zeros(names, dtype=np.int64)) for split in SPLITS}
    done, total = 0, sum(part.rows for part in staged.parts.values())
    with ExitStack() as stack:
        writers = [
            stack.enter_context(SplitWriter(out / split, examples.written, features))
            for split in SPLITS
        ]
        for split, part in staged.parts.items():
            start = 0
            for batch in open_split(part.path):
                where = partition.of(split, staged.keys(split, start, batch))
                repeats.add(batch["hash"].to_numpy(), where)
                columns = [*examples.decode(part, batch), *examples.kept_of(batch)]
                for number in np.unique(where[where != LEFT_OUT]):
                    chosen = pa.array(where == number)
                    rows = pa.RecordBatch.from_arrays(
                        [column.filter(chosen) for column in columns],
                        schema=writers[number].schema,
                    )
                    writers[number].write(rows)
                    found = written[SPLITS[number]]
                    labels = rows.column(1)
                    if pa.types.is_list(labels.type):
                        labels = labels.flatten()
                    found.rows += rows.num_rows
                    found.labels += np.bincount(labels.to_numpy(), minlength=names)
                start += batch.num_rows
                done += batch.num_rows
                report.progress(what="write splits", done=done, total=total, unit=examples.unit)
    return written
