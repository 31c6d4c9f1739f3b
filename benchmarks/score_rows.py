"""`score` beside `evaluate`: one model, the same rows, what each stage takes.

    python -m benchmarks.score_rows PATH/TO/ag_news [--rows 5000,20000]

The folder holds `train.csv` without header: label, title, description. Its first rows are the test
split that `classify-transformer` evaluates (after one epoch on 3,000 others) and `score` answers.
`evaluate` reads token ids, which `encode` made; `score` starts from texts: both pairs of stages are
shown. With two numbers of rows a line says what one more row costs, without what each stage takes
to start: TensorFlow, the model, XLA's compilation. Cost is processor seconds of all processes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

from benchmarks.measuring import machine
from benchmarks.sampled import Sampled, sampled

TRAINING = 3_000
"""Rows that the model is trained on."""

FLOW = """
import sys
from benchmarks.sampled import noted
from prefect import flow
from nightloom.settings.flows import ClassifyTransformer
from nightloom.settings.score import ScoreSettings
from nightloom.tasks.adapt_tokenizer import adapt_tokenizer
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.encode import encode
from nightloom.tasks.evaluate import evaluate
from nightloom.tasks.read_rows import read_rows
from nightloom.tasks.register import register
from nightloom.tasks.runtime.answering import version_named
from nightloom.tasks.runtime.run import pipeline
from nightloom.tasks.score import score
from nightloom.tasks.train import train

ROWS = {"columns": ["label", "title", "description"], "text": ["title", "description"]}

@flow
def trained():
    data = {**ROWS, "source": sys.argv[1], "label": "label"}
    settings = ClassifyTransformer(data=data, train={"epochs": 1}, register={"name": "news"})
    with pipeline("classify-transformer", settings) as run:
        dataset = download_dataset(settings)
        tokenizer = adapt_tokenizer(settings, dataset=dataset)
        with noted("encode, training rows included"):
            examples = encode(settings, dataset=dataset, tokenizer=tokenizer)
        model = train(settings, examples=examples, tokenizer=tokenizer)
        with noted("evaluate"):
            scores = evaluate(settings, model=model, examples=examples, dataset=dataset)
        register(
            settings, model=model, scores=scores, tokenizer=tokenizer, examples=examples,
            dataset=dataset,
        )

@flow
def answered():
    settings = ScoreSettings(model="news", data={**ROWS, "source": f"{sys.argv[1]}/test.csv"})
    with pipeline("score", settings):
        version_named(settings)
        with noted("read_rows"):
            rows = read_rows(settings)
        with noted("score"):
            score(settings, rows=rows)

trained()
answered()
"""


def measured(data: Path, rows: int, folder: Path) -> dict[str, Sampled]:
    """What each stage took."""
    source = folder / "data"
    source.mkdir()
    with (data / "train.csv").open(encoding="utf-8", newline="") as file:
        for name, count in (("test.csv", rows), ("train.csv", TRAINING)):
            (source / name).write_text("".join(islice(file, count)), encoding="utf-8")
    home = {
        "NIGHTLOOM_HOME": str(folder / "home"),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",  # other work may run
    }
    return sampled([sys.executable, "-c", FLOW, str(source)], home)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", default="5000,20000")
    given = parser.parse_args()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    about = machine("tensorflow", "pyarrow")
    print(json.dumps({**about, "commit": commit.stdout.strip()}), flush=True)
    found: dict[int, dict[str, Sampled]] = {}
    for rows in sorted(map(int, given.rows.split(","))):
        with tempfile.TemporaryDirectory() as folder:
            found[rows] = measured(given.data, rows, Path(folder))
        for stage, one in found[rows].items():
            _show(rows, stage, one)
    least, *_, most = [*found, *found]
    if most > least:
        for stage, one in found[most].items():
            more = (one.processor - found[least][stage].processor) / (most - least)
            slower = (one.seconds - found[least][stage].seconds) / (most - least)
            told = {"processor us": round(1e6 * more, 1), "us": round(1e6 * slower, 1)}
            print(json.dumps({"one more row": stage, **told}), flush=True)


def _show(rows: int, stage: str, one: Sampled) -> None:
    told = {
        "rows": rows,
        "stage": stage,
        "s": round(one.seconds, 1),
        "rows/s": round(rows / one.seconds),
        "processor us/row": round(1e6 * one.processor / rows, 1),
        "private MiB": round(one.private),
        "mapped too MiB": round(one.mapped),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
