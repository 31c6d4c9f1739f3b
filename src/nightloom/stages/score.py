"""`score`: the answers of a registered version to rows, in Parquet, one for each, in order.

They are written in parts, which a killed build leaves: the next one goes on after them. Two threads
make them, each with a model of its own: TensorFlow may keep a variable of fixed name in a graph,
which two threads must not run at once.
"""

import contextlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloom.context import BuildContext, Built
from nightloom.errors import InputError, RunError
from nightloom.facts import AnswerFacts, RowsFacts
from nightloom.serving.scoring import Answering, open_version
from nightloom.serving.writing import as_table
from nightloom.settings.score import AnswerSettings
from nightloom.stages.read_rows import CARRIED, ROWS, TEXT

ANSWERS = "answers.parquet"
AT_ONCE = 2
"""Threads that answer."""
FEW = 16_384
"""Rows that one thread answers sooner than two models are loaded."""


def build(context: BuildContext) -> Built:
    """Answer each batch of rows that has no part yet, then join the parts."""
    settings = context.group("score", AnswerSettings)
    facts = context.facts("rows", RowsFacts)
    kinds = dict(facts.carried)
    began, new, done, number = time.monotonic(), 0, 0, 0
    version, parts = _Version(context), Parts(context.checkpoints)

    def answer(number: int, batch: pa.RecordBatch) -> int:
        found = [json.loads(one) if one else {} for one in batch[CARRIED].to_pylist()]
        carried = {name: [one.get(name) for one in found] for name in kinds}
        answers = version.opened(batch[TEXT].to_pylist(), batch_size=settings.batch_size)
        parts.write(number, as_table(answers, kinds, carried))
        return int(batch.num_rows)

    threads = AT_ONCE if facts.rows > FEW else 1
    with ThreadPoolExecutor(threads) as pool:
        asked: deque[Future[int]] = deque()

        def take() -> None:
            nonlocal done
            done += asked.popleft().result()
            context.report.progress(what="score", done=done, total=facts.rows, unit="rows")

        for number, batch in enumerate(_batches(context.inputs["rows"].path / ROWS), start=1):
            if not parts.has(number, batch.num_rows):
                asked.append(pool.submit(answer, number, batch))
                new += batch.num_rows
            else:
                done += batch.num_rows
                if not new:
                    context.report.log(f"part {number} is there already: {batch.num_rows:,} rows")
            if len(asked) == threads:
                take()
        while asked:
            take()
    if not number:  # no rows: the columns all the same
        parts.write(1, as_table(version.opened([], batch_size=1), kinds, {}))
        number = 1
    rows, answered, labels = _join(parts, number, context.out / ANSWERS)
    if rows != facts.rows:
        raise RunError(f"expected {facts.rows} answers, got {rows}; run again")
    speed = round(new / max(time.monotonic() - began, 1e-9), 1)
    told = AnswerFacts(rows=rows, answered=answered, labels=labels, rows_per_s=speed)
    return Built(told.to_json(), volatile=frozenset({"rows_per_s"}))


class _Version(threading.local):
    """The version that answers, loaded by each thread that asks it, one after the other."""

    _loading = threading.Lock()

    def __init__(self, context: BuildContext) -> None:
        self._context = context

    @cached_property
    def opened(self) -> Answering:
        given = self._context.outside["version"]
        folder = Path(self._context.run["version_files"])
        with self._loading:
            return open_version(folder, threshold=given.get("threshold"))


class Parts:
    """Parts of the answers in a folder, each there completely or not at all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def path(self, number: int) -> Path:
        """The file of a part, counted from 1."""
        return self._folder / f"part-{number:06}.parquet"

    def has(self, number: int, rows: int) -> bool:
        """Whether a part is there, with that many rows."""
        with contextlib.suppress(OSError, pa.ArrowException):
            return bool(pq.read_metadata(self.path(number)).num_rows == rows)
        return False

    def write(self, number: int, table: pa.Table) -> None:
        """Write a part, and publish it by a rename."""
        new = self.path(number).with_suffix(".new")
        with new.open("wb") as stream:
            pq.write_table(table, stream)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self.path(number))


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as stream:
            yield from stream
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}); --refresh read_rows") from error


def _join(parts: Parts, count: int, path: Path) -> tuple[int, int, dict[str, int]]:
    """Write all parts as one file; rows, answered rows, and answers by class or type."""
    rows = answered = 0
    labels: dict[str, int] = {}
    writer: Any = None
    try:
        for number in range(1, count + 1):
            table = pq.read_table(parts.path(number))
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            rows += table.num_rows
            answered += _answered(table)
            for name, found in _counts(table):
                labels[name] = labels.get(name, 0) + found
    finally:
        if writer:
            writer.close()
    return rows, answered, dict(sorted(labels.items(), key=lambda item: (-item[1], item[0])))


def _answered(table: pa.Table) -> int:
    if "left_out" in table.schema.names:
        return int(pc.sum(pc.equal(table["left_out"], 0)).as_py() or 0)
    name = "label" if "label" in table.schema.names else "entities"
    return int(table.num_rows) - int(table[name].null_count)


def _counts(table: pa.Table) -> Iterator[tuple[str, int]]:
    if "label" in table.schema.names:
        values = table["label"]
    else:
        values = pc.struct_field(pc.list_flatten(table["entities"]), "entity_group")
    for one in pc.value_counts(values.drop_null()).to_pylist():
        yield one["values"], one["counts"]
