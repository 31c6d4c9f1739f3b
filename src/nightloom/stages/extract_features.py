"""`extract_features`: a frozen encoder over every row, once, in inference mode.

Rows are processed in chunks; finished chunks are kept with the checkpoints, so a killed extraction
resumes at the next one, and memory does not grow with the rows.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nightloom.context import BuildContext, Built
from nightloom.data.arrow import write_stream
from nightloom.facts import ExampleFacts
from nightloom.models.contract import Batch, Body
from nightloom.training.devices import computing_in, prepare_to_score
from nightloom.training.examples import TokenExamples, read_examples
from nightloom.training.scoring import Scorer

SPLITS = ("train", "valid", "test")
CHUNK = 8192
"""Rows per chunk, sorted or packed and stored together."""
BATCH = 32
"""Rows of mean length per forward pass: a few thousand tokens."""


def build(context: BuildContext) -> Built:
    """Write `<split>.arrow` with features and label of each row."""
    encoded = context.inputs["encoded"]
    prepare_to_score()
    with computing_in(context.settings["train"]["precision"]):
        body = context.hook("encoder.body")(context)
    kind = pa.float16() if context.settings["model"]["features"] == "float16" else pa.float32()
    schema = pa.schema([("features", pa.list_(kind, body.size)), ("label", pa.int32())])
    scorer = Scorer(Features(body), jit_compile=True)
    splits = {name: _tokens(encoded.path / f"{name}.arrow") for name in SPLITS}
    lengths = np.concatenate([examples.lengths for examples in splits.values()])
    layout = context.hook("encoder.layout")({}, lengths, batch_size=BATCH)
    total, done = len(lengths), 0
    context.checkpoints.mkdir(parents=True, exist_ok=True)

    def batches(name: str) -> Iterator[pa.RecordBatch]:
        nonlocal done
        for start in range(0, len(splits[name]), CHUNK):
            chunk = splits[name].part(start, min(start + CHUNK, len(splits[name])))
            kept = context.checkpoints / f"{name}-{start:09d}.npy"
            features = _kept(kept, (len(chunk), body.size))
            if features is None:
                features = scorer.outputs(chunk, layout)
                _keep(features, kept)
            done += len(chunk)
            context.report.progress(what="extract_features", done=done, total=total, unit="rows")
            flat = pa.array(features.astype(kind.to_pandas_dtype()).reshape(-1), kind)
            column = pa.FixedSizeListArray.from_arrays(flat, body.size)
            yield pa.RecordBatch.from_arrays([column, pa.array(chunk.labels)], schema=schema)

    for name in SPLITS:
        write_stream(context.out / f"{name}.arrow", schema, batches(name))
    facts = context.facts("encoded", ExampleFacts)
    made = ExampleFacts.made_of(facts, tokens=facts.tokens, size=body.size)
    return Built(made.to_json())


class Features:
    """A body as a model whose scores are its features."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def logits(self, batch: Batch) -> Any:
        """The features, [examples, size]."""
        return self._body.features(batch)


def _tokens(path: Path) -> TokenExamples:
    examples = read_examples(path)
    assert isinstance(examples, TokenExamples)
    return examples


def _kept(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """The result of an earlier attempt; None if there is no valid one."""
    try:
        features: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return features if features.shape == shape else None


def _keep(features: np.ndarray, path: Path) -> None:
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        np.save(file, features, allow_pickle=False)
    temporary.replace(path)
