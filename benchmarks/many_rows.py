"""From rows to a trained model, with few and with very many: what each stage takes.

    python -m benchmarks.many_rows [--rows 100000,1000000,10000000] [--folder /tmp/rows]

The rows are made up: 6 to 12 words each, of 50,000 words that are as frequent as words are, some
of them those of its class; one row in a hundred is an earlier one, one in a hundred an earlier one
with another word. One epoch of `classify-transformer` as it comes. Cost is processor seconds of all
processes, which other work on the machine changes less than it does the clock; memory is what the
processes hold for themselves, files that they have mapped left out.

`check_data` has no champion in the first part. The second measures the stage's body beside a data
set of as many rows, a tenth of which are others.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measuring import machine
from benchmarks.sampled import Sampled, sampled

CLASSES = 4
WORDS = 50_000
OWN = 2_000
"""Words of a class."""
AT_ONCE = 50_000

FLOW = """
import sys
from benchmarks.sampled import noted
from prefect import flow
from nightloom.settings.flows import ClassifyTransformer
from nightloom.tasks.adapt_tokenizer import adapt_tokenizer
from nightloom.tasks.check_data import check_data
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.encode import encode
from nightloom.tasks.runtime.run import pipeline
from nightloom.tasks.train import train

@flow
def first_stages():
    settings = ClassifyTransformer(data={"source": sys.argv[1]}, train={"epochs": 1})
    with pipeline("first-stages", settings) as run:
        with noted("download_dataset"):
            dataset = download_dataset(settings)
        print(run.store.files(dataset).path, file=open(sys.argv[2], "w"))
        with noted("check_data"):
            check_data(settings, dataset=dataset)
        with noted("adapt_tokenizer"):
            tokenizer = adapt_tokenizer(settings, dataset=dataset)
        with noted("encode"):
            examples = encode(settings, dataset=dataset, tokenizer=tokenizer)
        with noted("train"):
            train(settings, examples=examples, tokenizer=tokenizer)

first_stages()
"""

CHECK = """
import sys
from pathlib import Path
from benchmarks.many_rows import NAMES, with_others
from benchmarks.sampled import noted
from nightloom.data.checks.check import check
from nightloom.data.checks.rows import read_rows
from nightloom.data.checks.suspects import suspects_in
from nightloom.data.checks.texts import Texts
from nightloom.settings.check import CheckSettings

data, other = map(Path, sys.argv[1:])
settings = CheckSettings()
with_others(data, other)
with noted("check_data, compared"):
    before = read_rows(other, Texts(NAMES), sample=settings.sample)
    tonight = read_rows(data, Texts(NAMES), sample=settings.sample, before=before)
    found = check(tonight, before, settings)
    suspects_in(tonight, settings)
print(found.verdict, found.new, file=sys.stderr)
"""
NAMES = tuple(f"class{number}" for number in range(CLASSES))


def texts(rows: int) -> Iterator[tuple[list[str], np.ndarray]]:
    """Rows and their classes, some at a time; the same ones each time."""
    draw = np.random.default_rng(1)
    words = [f"w{number:x}" for number in range(WORDS)]
    common = 1 / np.arange(2, WORDS + 2)
    edges = np.cumsum(common / common.sum())
    earlier: deque[str] = deque(maxlen=AT_ONCE)
    for start in range(0, rows, AT_ONCE):
        count = min(AT_ONCE, rows - start)
        classes = draw.integers(0, CLASSES, count)
        sizes = draw.integers(6, 13, count)
        number = np.searchsorted(edges, draw.random(int(sizes.sum())))
        own = draw.random(len(number)) < 0.1
        of_class = np.repeat(classes, sizes) * OWN + draw.integers(0, OWN, len(number))
        number[own] = of_class[own]
        said = [words[at] for at in np.minimum(number, WORDS - 1).tolist()]
        ends = np.cumsum(sizes).tolist()
        lines = [" ".join(said[first:last]) for first, last in pairwise([0, *ends])]
        for at in np.flatnonzero(draw.random(count) < 0.02).tolist():
            if earlier:
                lines[at] = earlier[int(draw.integers(len(earlier)))]
                if draw.random() < 0.5:
                    lines[at] = f"{lines[at].rsplit(' ', 1)[0]} {words[draw.integers(WORDS)]}"
        earlier.extend(lines[::10])
        yield lines, classes


def with_others(data: Path, other: Path) -> None:
    """Write a data set's rows again, a tenth of them with one word more."""
    from nightloom.data import SPLITS
    from nightloom.data.arrow import TEXT_FEATURE, SplitWriter, class_feature, open_split

    schema = pa.schema([("text", pa.string()), ("label", pa.int64())])
    features = {"text": TEXT_FEATURE, "label": class_feature(NAMES)}
    for split in SPLITS:
        with SplitWriter(other / split, schema, features) as writer:
            for batch in open_split(data / split, ["text", "label"]):
                said = batch["text"].to_pylist()
                said[::10] = [f"{text} otherwise" for text in said[::10]]
                columns = [pa.array(said), batch["label"]]
                writer.write(pa.RecordBatch.from_arrays(columns, schema=writer.schema))


def measured(rows: int, folder: Path) -> Iterator[tuple[str, Sampled]]:
    """What each stage took."""
    source = folder / "data"
    source.mkdir()
    with (source / "train.csv").open("w", encoding="utf-8") as file:
        file.write("text,label\n")
        for lines, classes in texts(rows):
            file.writelines(
                f"{line},{NAMES[at]}\n" for line, at in zip(lines, classes.tolist(), strict=True)
            )
    home = {
        "NIGHTLOOM_HOME": str(folder / "home"),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",  # other work may run
    }
    noted_path = folder / "path.txt"
    yield from sampled([sys.executable, "-c", FLOW, str(source), str(noted_path)], home).items()
    data = noted_path.read_text().strip()
    yield from sampled([sys.executable, "-c", CHECK, data, str(folder / "other")], home).items()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="100000,1000000")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    about = machine("tensorflow", "pyarrow")
    print(json.dumps({**about, "commit": commit.stdout.strip()}), flush=True)
    first: dict[str, float] = {}
    for rows in map(int, given.rows.split(",")):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            for stage, one in measured(rows, Path(folder)):
                _show(rows, stage, one, first)


def _show(rows: int, stage: str, one: Sampled, first: dict[str, float]) -> None:
    cost = one.processor / rows
    told: dict[str, Any] = {
        "rows": rows,
        "stage": stage,
        "s": round(one.seconds, 1),
        "rows/s": round(rows / one.seconds),
        "processor us/row": round(1e6 * cost, 1),
        "of the first": round(cost / first.setdefault(stage, cost), 2),
        "private MiB": round(one.private),
        "mapped too MiB": round(one.mapped),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
