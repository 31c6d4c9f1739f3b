"""`classify-bert`: tokenization, features and fine-tuning, side by side with the usual ways.

    python -m benchmarks.pretrained PATH/TO/ag_news CHECKPOINT_DIR [--rows 2000] [--tune-rows 800]

CHECKPOINT_DIR is a Hugging Face directory (`nightloom` keeps fetched ones below
`artifacts/fetch_checkpoint/`). Compared are the bare fast tokenizer; the same encoder over rows
padded to 128 tokens; and a PyTorch loop as Hugging Face's `Trainer` runs it: the same AdamW recipe,
batches of the same size, padded to their longest text. Compile times are inside all figures.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from benchmarks.measuring import machine, matrix_peak, show

LENGTH = 128


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--tune-rows", type=int, default=800)
    parser.add_argument("--batch-size", type=int, default=32)
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    show("machine", machine("tensorflow", "keras", "transformers", "tokenizers", "torch"))
    frame = pandas.read_csv(given.data / "train.csv", names=["label", "title", "text"])
    frame = frame.sample(n=max(given.rows, given.tune_rows, 20_000), random_state=1)
    texts = (frame["title"].fillna("") + " " + frame["text"].fillna("")).tolist()
    labels = frame["label"].to_numpy() - 1
    peak = matrix_peak()
    show("tokenization", measure_tokenizers(given.checkpoint, texts[:20_000]))
    show("features", measure_features(given.checkpoint, texts[: given.rows], peak))
    rows = given.tune_rows
    tuned = measure_tuning(given.checkpoint, texts[:rows], labels[:rows], given.batch_size)
    show("fine-tuning, one epoch", tuned)


def measure_tokenizers(checkpoint: Path, texts: list[str]) -> dict[str, Any]:
    """Texts a second of our tokenizer and of the bare fast one, best of three, in turns."""
    from tokenizers import Tokenizer

    from nightloom.text.pieces import load

    ours = load(checkpoint, length=LENGTH)
    bare = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    bare.enable_truncation(LENGTH)
    bare.no_padding()
    rates: dict[str, float] = {"ours, texts/s": 0.0, "bare fast tokenizer, texts/s": 0.0}
    for _ in range(3):
        for name, call in (
            ("ours, texts/s", ours.encode),
            ("bare fast tokenizer, texts/s", bare.encode_batch),
        ):
            began = time.perf_counter()
            for start in range(0, len(texts), 4096):
                call(texts[start : start + 4096])
            rates[name] = max(rates[name], len(texts) / (time.perf_counter() - began))
    ratio = rates["ours, texts/s"] / rates["bare fast tokenizer, texts/s"]
    return {**rates, "ours / bare": ratio}


def measure_features(checkpoint: Path, texts: list[str], peak: float) -> dict[str, Any]:
    """Rows a second of `extract_features`' way and over rows padded to 128, both under XLA."""
    from nightloom.encoders.weights import load_encoder
    from nightloom.families.bert import WIDTH
    from nightloom.models.bodies import EncoderBody
    from nightloom.stages.extract_features import BATCH, Features
    from nightloom.training.batches import Layout, packed
    from nightloom.training.scoring import Scorer

    examples = _examples(checkpoint, texts, np.zeros(len(texts), np.int32))
    encoder = load_encoder(checkpoint, with_pooler=False, name="encoder")
    scorer = Scorer(Features(EncoderBody(encoder, pooling="mean")), jit_compile=True)
    ways = {
        "packed": packed(examples.lengths, batch_size=BATCH, width=WIDTH),
        "padded to 128": Layout((LENGTH,), (BATCH,), BATCH, packed=False),
    }
    found: dict[str, Any] = {"rows": len(texts)}
    for name, layout in ways.items():
        began = time.perf_counter()
        scorer.outputs(examples, layout)
        found[f"{name}, first time, rows/s"] = len(texts) / (time.perf_counter() - began)
        began = time.perf_counter()
        scorer.outputs(examples, layout)
        found[f"{name}, compiled, rows/s"] = len(texts) / (time.perf_counter() - began)
    flops = forward_flops(encoder.config, examples.lengths)
    found["packed / padded"] = (
        found["packed, compiled, rows/s"] / found["padded to 128, compiled, rows/s"]
    )
    found["useful GFLOP/s"] = flops * found["packed, compiled, rows/s"] / len(texts) / 1e9
    found["matrix peak, GFLOP/s"] = peak
    found["share of the peak"] = found["useful GFLOP/s"] / peak
    return found


def forward_flops(config: Any, lengths: np.ndarray) -> float:
    """Matrix products of one forward pass over texts of these lengths, padding left out."""
    hidden, inner = config.hidden_size, config.intermediate_size
    dense = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    attention = 2 * 2 * hidden
    tokens, pairs = float(lengths.sum()), float((lengths.astype(np.float64) ** 2).sum())
    return config.layers * (tokens * dense + pairs * attention)


def measure_tuning(
    checkpoint: Path, texts: list[str], labels: np.ndarray, batch_size: int
) -> dict[str, Any]:
    """Useful tokens a second over one epoch, everything trained, compile time included."""
    examples = _examples(checkpoint, texts, labels.astype(np.int32))
    tokens = int(examples.lengths.sum())
    ours = tokens / _tune_ours(checkpoint, examples, batch_size)
    theirs = tokens / _tune_torch(checkpoint, examples, batch_size)
    return {
        "rows": len(texts),
        "useful tokens": tokens,
        "nightloom, tokens/s": ours,
        "PyTorch, dynamic padding, tokens/s": theirs,
        "nightloom / PyTorch": ours / theirs,
    }


def _tune_ours(checkpoint: Path, examples: Any, batch_size: int) -> float:
    from nightloom.encoders.initial import starting_from
    from nightloom.encoders.weights import load_encoder
    from nightloom.families.bert import SIDE_BY_SIDE, WIDTH
    from nightloom.models.bodies import EncoderBody
    from nightloom.models.classifier import EncoderClassifier
    from nightloom.models.head import ClassificationHead
    from nightloom.progress import SILENT
    from nightloom.settings.flows import ClassifyBert
    from nightloom.training.batches import packed
    from nightloom.training.checkpoints import Checkpoints
    from nightloom.training.devices import prepare, side_by_side
    from nightloom.training.feed import ExampleFeed
    from nightloom.training.loop import Loop
    from nightloom.training.optimizer import build
    from nightloom.training.step import Stepper

    settings = ClassifyBert().train.model_copy(update={"epochs": 1, "batch_size": batch_size})
    strategy = prepare(settings)
    encoder = load_encoder(checkpoint, with_pooler=False, name="encoder")
    body = EncoderBody(encoder, pooling="mean")
    with starting_from(1):
        head = ClassificationHead(size=body.size, classes=4, rate=0.1)
    model = EncoderClassifier(body, head)
    together = side_by_side(SIDE_BY_SIDE, batch_size=batch_size, strategy=strategy)
    layout = packed(examples.lengths, batch_size=batch_size // together, width=WIDTH)
    feed = ExampleFeed(examples, layout, seed=1, group=together)
    variables = list(model.trainable_variables)
    optimizer = build(settings, variables, steps=len(feed.steps(0)))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        Loop(
            model=model,
            optimizer=optimizer,
            stepper=Stepper(model, optimizer, strategy, jit_compile=True, side_by_side=together),
            feed=feed,
            validate=lambda: {"accuracy": 0.0},
            monitor="accuracy",
            settings=settings,
            checkpoints=Checkpoints(Path(folder)),
            report=SILENT,
        ).run()
    return time.perf_counter() - began


def _tune_torch(checkpoint: Path, examples: Any, batch_size: int) -> float:
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=4)
    decayed = [p for n, p in model.named_parameters() if "bias" not in n and "LayerNorm" not in n]
    others = [p for n, p in model.named_parameters() if "bias" in n or "LayerNorm" in n]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-5)
    rows = np.split(examples.ids, examples.offsets[1:-1])
    order = np.random.default_rng(1).permutation(len(rows))
    model.train()
    began = time.perf_counter()
    for start in range(0, len(order), batch_size):
        chosen = [rows[n] for n in order[start : start + batch_size]]
        width = max(map(len, chosen))
        ids = np.zeros((len(chosen), width), np.int64)
        for number, row in enumerate(chosen):
            ids[number, : len(row)] = row
        labels = torch.tensor(examples.labels[order[start : start + batch_size]], dtype=torch.long)
        given = torch.tensor(ids)
        loss = model(input_ids=given, attention_mask=(given > 0).long(), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - began


def _examples(checkpoint: Path, texts: list[str], labels: np.ndarray) -> Any:
    from nightloom.text.pieces import load
    from nightloom.training.examples import TokenExamples

    column = load(checkpoint, length=LENGTH).encode(texts)
    return TokenExamples(
        ids=column.flatten().to_numpy(),
        offsets=column.offsets.to_numpy().astype(np.int64),
        labels=labels,
        per_token=False,
    )


if __name__ == "__main__":
    sys.exit(main())
