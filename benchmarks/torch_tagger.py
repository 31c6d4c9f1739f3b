"""The PyTorch side of `benchmarks.ner_bert`, in a process of its own: one JSON object at the end.

A token classifier of transformers on the sentences that `align_labels` wrote: batches of 16 of
alike length (drawn anew in each epoch, sorted within 50 batches), padded to their longest sentence,
AdamW without decay of biases and layer norms, linear decay, gradient clipping. Either a plain loop
that does what `transformers.Trainer` does, or that class itself (which needs `accelerate`).
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from nightloom.data.labels.ignored import IGNORED
from nightloom.training.examples import TokenExamples, read_examples
from nightloom.training.objective import Entities
from nightloom.training.stitching import read_stitching

SORTED_TOGETHER = 50
"""Batches whose sentences are sorted by length together, as in `Trainer`'s group_by_length."""


def main() -> None:
    """Train, score the validation and the test part, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("examples", type=Path, help="artifact of align_labels")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--labels", required=True, help="names of the tags, a JSON list")
    parser.add_argument("--trainer", action="store_true")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    names = json.loads(given.labels)
    torch.manual_seed(given.seed)
    splits = {name: _read(given.examples / f"{name}.arrow") for name in ("train", "valid", "test")}
    model = transformers.AutoModelForTokenClassification.from_pretrained(
        str(given.checkpoint), num_labels=len(names)
    )
    began = time.perf_counter()
    train = _by_trainer if given.trainer else _by_hand
    epochs = train(model, splits, given)
    seconds = time.perf_counter() - began - sum(one.pop("scoring_s", 0.0) for one in epochs)
    found: dict[str, Any] = {"train_s": seconds, "epochs": epochs}
    pieces = len(splits["train"].ids) * given.epochs
    found["trained_epochs"] = given.epochs
    found["useful_tokens_per_s"] = pieces / seconds
    for name in ("valid", "test"):
        stitching = read_stitching(given.examples / f"{name}.arrow")
        found[name] = Entities(stitching, names).metrics(*_score(model, splits[name]))
    print(json.dumps(found))


def _read(path: Path) -> TokenExamples:
    examples = read_examples(path)
    assert isinstance(examples, TokenExamples)
    return examples


def _by_hand(model: Any, splits: dict[str, TokenExamples], given: Any) -> list[dict[str, float]]:
    """What `Trainer` does, without its callbacks and logs."""
    train = splits["train"]
    steps = given.epochs * math.ceil(len(train) / given.batch_size)
    plain = [p for name, p in model.named_parameters() if "bias" in name or "LayerNorm" in name]
    ids = {id(p) for p in plain}
    decayed = [p for p in model.parameters() if id(p) not in ids]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=given.learning_rate)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    epochs = []
    for epoch in range(given.epochs):
        began, total = time.perf_counter(), 0.0
        model.train()
        order = grouped(train.lengths, given.batch_size, seed=given.seed + epoch)
        for start in range(0, len(order), given.batch_size):
            batch = collate(train, order[start : start + given.batch_size])
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rate.step()
            optimizer.zero_grad()
            total += float(loss.detach())
        epochs.append({"loss": total / (steps / given.epochs), "s": time.perf_counter() - began})
    return epochs


def _by_trainer(model: Any, splits: dict[str, TokenExamples], given: Any) -> list[dict[str, float]]:
    """`transformers.Trainer` itself."""
    import tempfile

    train = splits["train"]

    class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(train)

        def __getitem__(self, row: int) -> dict[str, Any]:
            where = slice(train.offsets[row], train.offsets[row + 1])
            return {"input_ids": train.ids[where].tolist(), "row": row}

    def together(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return collate(train, np.array([row["row"] for row in rows]))

    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            learning_rate=given.learning_rate,
            weight_decay=0.01,
            num_train_epochs=given.epochs,
            per_device_train_batch_size=given.batch_size,
            train_sampling_strategy="group_by_length",
            lr_scheduler_type="linear",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            use_cpu=True,
            seed=given.seed,
        )
        trainer = transformers.Trainer(
            model=model, args=arguments, train_dataset=Rows(), data_collator=together
        )
        result = trainer.train()
    return [{"loss": float(result.training_loss), "s": float(result.metrics["train_runtime"])}]


def grouped(lengths: np.ndarray, batch_size: int, *, seed: int) -> np.ndarray:
    """All rows, drawn at random, those of alike length beside one another."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    size = SORTED_TOGETHER * batch_size
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    return np.concatenate([part[np.argsort(-lengths[part], kind="stable")] for part in parts])


def collate(examples: TokenExamples, rows: np.ndarray) -> dict[str, torch.Tensor]:
    """Rows padded to the longest of them."""
    lengths = examples.lengths[rows]
    ids, mask = np.zeros((2, len(rows), int(lengths.max())), np.int64)
    labels = np.full_like(ids, IGNORED)
    for line, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        where = slice(examples.offsets[row], examples.offsets[row + 1])
        ids[line, :length] = examples.ids[where]
        labels[line, :length] = examples.labels[where]
        mask[line, :length] = 1
    arrays = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@torch.no_grad()
def _score(
    model: Any, examples: TokenExamples, batch_size: int = 64
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Logits and labels of each row, in order."""
    model.eval()
    order = np.argsort(examples.lengths, kind="stable")
    outputs: list[np.ndarray] = [np.zeros(0)] * len(examples)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = collate(examples, rows)
        batch.pop("labels")
        logits = model(**batch).logits.numpy()
        for line, row in enumerate(rows):
            outputs[row] = logits[line, : examples.lengths[row]]
    return outputs, np.split(examples.labels, examples.offsets[1:-1])


if __name__ == "__main__":
    main()
