"""Download, vocabulary and encoding of few and of very many rows: does memory grow with them?

    python -m benchmarks.many_rows PATH/TO/ag_news [--rows 100000,1000000]

The rows of `train.csv` are repeated until there are enough. Memory is the most that the flow's
process and its worker held together.
"""

import argparse
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

from benchmarks.measuring import machine, run, show

PREPARE = """
import sys
from prefect import flow
from nightloom.settings.flows import ClassifyTransformer
from nightloom.tasks.adapt_tokenizer import adapt_tokenizer
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.encode import encode
from nightloom.tasks.runtime.run import pipeline

@flow
def prepare():
    data = {"source": sys.argv[1], "columns": "label,title,text", "text": "title,text"}
    settings = ClassifyTransformer(data=data)
    with pipeline("prepare", settings):
        dataset = download_dataset(settings)
        tokenizer = adapt_tokenizer(settings, dataset=dataset)
        encode(settings, dataset=dataset, tokenizer=tokenizer)

prepare()
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", default="100000,1000000")
    given = parser.parse_args()
    show("machine", machine("tensorflow", "pyarrow"))
    lines = (given.data / "train.csv").read_text("utf-8").splitlines(keepends=True)
    found = {}
    for count in map(int, given.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "data"
            source.mkdir()
            with (source / "train.csv").open("w", encoding="utf-8") as file:
                file.writelines(islice(cycle(lines), count))
            home = {"NIGHTLOOM_HOME": str(Path(folder) / "home")}
            measured = run([sys.executable, "-c", PREPARE, str(source)], home)
        found[f"{count:,} rows, peak MiB"] = measured.peak
        found[f"{count:,} rows, s"] = measured.seconds
    show("download_dataset, adapt_tokenizer, encode", found)


if __name__ == "__main__":
    main()
