"""`align_labels` against the bare fast tokenizer, on the same sentences that are split into words.

    python -m benchmarks.align_labels PATH/TO/conll2003 [--checkpoint DIRECTORY] [--repeats 7]

Aligning reads the sentences' words and tags from Arrow and gives Arrow batches of piece ids, labels
and what stitching needs. Bare is one call of the tokenizer over all sentences as Python lists:
its Rust core alone (`encode_batch`, whose result nobody reads), and through transformers, as
`tokenizer(sentences, is_split_into_words=True)`. Runs alternate, so that noise meets all of them.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import machine, show


def main() -> None:
    """Measure and print."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--checkpoint", default="minilm")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    show("machine", machine("tokenizers", "transformers", "pyarrow"))
    with tempfile.TemporaryDirectory() as folder:
        times, facts = measure(given.data, given.checkpoint, given.repeats, Path(folder))
    medians = {name: statistics.median(values) for name, values in times.items()}
    show("training split", facts)
    show("median seconds", medians)
    aligning = medians["align_labels"]
    show(
        "align_labels over",
        {name: aligning / value for name, value in medians.items() if name != "align_labels"},
    )


def measure(
    data: Path, checkpoint: str, repeats: int, scratch: Path
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of each way, a value a repeat, and the size of what was aligned."""
    from nightloom.data.arrow import open_split
    from nightloom.data.build import build_dataset
    from nightloom.encoders.checkpoints import fetch_checkpoint
    from nightloom.settings.data import EntityDataSettings
    from nightloom.text.alignment import Aligner
    from nightloom.text.graph_tokenizer import load_fast

    facts = build_dataset(EntityDataSettings(source=str(data)), scratch / "data")
    fetch_checkpoint(checkpoint, out=scratch / "checkpoint")
    aligner = Aligner(
        scratch / "checkpoint",
        label_names=facts["label_names"],
        length=128,
        overlap=32,
        later_pieces="inside",
    )
    fast = load_fast(scratch / "checkpoint")
    backend = fast.backend_tokenizer
    train = scratch / "data" / "train"
    sentences = [words for batch in open_split(train, ["tokens"]) for words in batch[0].to_pylist()]
    pieces = 0

    def align() -> None:
        nonlocal pieces
        first = pieces = 0
        for batch in open_split(train, ["tokens", "tags"]):
            found = aligner.align(batch.column("tokens"), batch.column("tags"), first=first)
            first += batch.num_rows
            pieces += len(found.rows.column("ids").flatten())

    ways: dict[str, Callable[[], object]] = {
        "align_labels": align,
        "bare, Rust core alone": lambda: backend.encode_batch(sentences, is_pretokenized=True),
        "bare, through transformers": lambda: fast(sentences, is_split_into_words=True),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    return times, {"sentences": len(sentences), "pieces, special ones included": pieces}


if __name__ == "__main__":
    main()
