"""Hugging Face's Trainer on the rows that a flow encoded: grouped by length, dynamic padding."""

import tempfile
import time
from typing import Any

import numpy as np
import torch
import transformers

from nightloom.data.labels.ignored import IGNORED
from nightloom.training.examples import TokenExamples


class Rows(torch.utils.data.Dataset[dict[str, Any]]):
    """The encoded rows, one at a time."""

    def __init__(self, examples: TokenExamples) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, number: int) -> dict[str, Any]:
        own = slice(self._examples.offsets[number], self._examples.offsets[number + 1])
        labels = self._examples.labels
        return {
            "input_ids": self._examples.ids[own].tolist(),
            "labels": labels[own].tolist() if self._examples.per_token else int(labels[number]),
        }


def padded(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch as wide as its longest row, rounded up to eight."""
    width = -(-max(len(row["input_ids"]) for row in rows) // 8) * 8

    def filled(name: str, value: int) -> torch.Tensor:
        return torch.tensor([row[name] + [value] * (width - len(row[name])) for row in rows])

    per_token = isinstance(rows[0]["labels"], list)
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    return {
        "input_ids": filled("input_ids", 0),
        "attention_mask": (torch.arange(width)[None] < lengths[:, None]).long(),
        "labels": filled("labels", IGNORED)
        if per_token
        else torch.tensor([row["labels"] for row in rows]),
    }


def train(examples: TokenExamples, wanted: dict[str, Any]) -> dict[str, Any]:
    """Train with the flows' recipe; pieces a second of everything but loading the model."""
    torch.manual_seed(1)
    kinds = (
        transformers.AutoModelForTokenClassification,
        (transformers.AutoModelForSequenceClassification),
    )
    kind = kinds[0] if examples.per_token else kinds[1]
    classes = int(np.max(examples.labels)) + 1
    if wanted["shape"]:
        shape = wanted["shape"]
        config = transformers.BertConfig(
            hidden_size=shape["hidden_size"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            intermediate_size=shape["intermediate_size"],
            num_labels=classes,
        )
        model = kind.from_config(config)
    else:
        model = kind.from_pretrained(wanted["checkpoint"], num_labels=classes)
    has_gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            num_train_epochs=wanted["epochs"],
            max_steps=wanted["most"],
            per_device_train_batch_size=wanted["batch"],
            learning_rate=3e-5,
            weight_decay=0.01,
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to=[],
            bf16=has_gpu,
            tf32=has_gpu or None,
            optim="adamw_torch_fused" if has_gpu else "adamw_torch",
            dataloader_num_workers=4 if has_gpu else 0,
            dataloader_persistent_workers=has_gpu,
            disable_tqdm=True,
            use_cpu=not has_gpu,
        )
        trainer = transformers.Trainer(
            model=model, args=arguments, train_dataset=Rows(examples), data_collator=padded
        )
        began = time.perf_counter()
        state = trainer.train()
        seconds = time.perf_counter() - began
    share = state.global_step * wanted["batch"] / (len(examples) * wanted["epochs"])
    pieces = len(examples.ids) * wanted["epochs"] * min(1.0, share)
    return {"pieces/s": pieces / seconds, "seconds": seconds}
