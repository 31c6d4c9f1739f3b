"""Exported models in transformers' own pipelines on PyTorch, against our encoder and head."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from nightloom.encoders.heads import tanh_head
from nightloom.encoders.huggingface import export_sequence_classifier, export_token_classifier
from nightloom.encoders.pooling import pool
from nightloom.encoders.weights import load_encoder
from nightloom.errors import InputError
from tests.encoders.tiny import (
    POSITIONS,
    TEXTS,
    WORDS,
    class_of,
    packed,
    save_checkpoint,
)

TOLERANCE = 1e-4
LABELS = ("World", "Sports", "Sci/Tech")
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def head(labels: Sequence[str], hidden: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A random dense head."""
    draw = np.random.default_rng(5)
    kernel = draw.normal(size=(hidden, len(labels))).astype(np.float32)
    return kernel, draw.normal(size=len(labels)).astype(np.float32)


def our_tokens(encoder: Any, rows: list[list[int]], types: list[list[int]]) -> tuple[Any, Any]:
    """The encoder's vectors, and the batch, for token ids of several examples in one row."""
    ids = [np.array(row, np.int32) for row in rows]
    batch = packed([ids], width=sum(map(len, ids)) + 3)
    given = None
    if encoder.config.type_vocab_size:
        flat = np.pad(np.concatenate([np.array(row) for row in types]), (0, 3))
        given = tf.constant(flat[None], tf.int32)
    return encoder(batch["ids"], batch["segments"], batch["positions"], given), batch


def our_logits(
    encoder: Any, tokenizer: Any, texts: Sequence[Any], pooling: str, kernel: Any, bias: Any
) -> np.ndarray:
    """Logits [texts, labels] of our encoder, pooling and head."""
    rows = [tokenizer(*([text] if isinstance(text, str) else text)) for text in texts]
    ids = [row["input_ids"] for row in rows]
    types = [row.get("token_type_ids", [0] * len(row["input_ids"])) for row in rows]
    vectors, batch = our_tokens(encoder, ids, types)
    return pool(vectors, batch, how=pooling, encoder=encoder).numpy() @ kernel + bias


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def their_pipeline(directory: Path) -> Any:
    """transformers' own text-classification pipeline on PyTorch."""
    return transformers.pipeline("text-classification", model=str(directory), device="cpu")


def their_scores(pipe: Any, texts: Sequence[Any], **options: Any) -> np.ndarray:
    """Scores [texts, labels] of a text-classification pipeline, in the order of the labels."""
    inputs = [
        text if isinstance(text, str) else {"text": text[0], "text_pair": text[1]} for text in texts
    ]
    rows = pipe(inputs, top_k=None, **options)
    found = [{one["label"]: one["score"] for one in row} for row in rows]
    names = [pipe.model.config.id2label[i] for i in range(len(found[0]))]
    return np.array([[row[name] for name in names] for row in found])


@pytest.mark.parametrize("pooling", ["pooler", "cls", "mean"])
def test_text_classification(tmp_path: Path, family: str, pooling: str) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, family)
    encoder = load_encoder(source)
    kernel, bias = head(LABELS)
    if pooling == "pooler" and encoder.pooler is None:
        with pytest.raises(InputError, match="no pooler"):
            export(out, encoder, pooling, kernel, bias, source)
        assert not out.exists()
        return
    facts = export(out, encoder, pooling, kernel, bias, source)
    assert facts["class"] == f"{class_of(family)}ForSequenceClassification"
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    logits = our_logits(encoder, tokenizer, TEXTS, pooling, kernel, bias)
    assert np.ptp(logits, axis=0).min() > 0.05
    pipe = their_pipeline(out)
    for size in (1, len(TEXTS)):
        found = their_scores(pipe, TEXTS, batch_size=size)
        np.testing.assert_allclose(found, softmax(logits), atol=TOLERANCE)
        raw = their_scores(pipe, TEXTS, batch_size=size, function_to_apply="none")
        np.testing.assert_allclose(raw, logits, atol=TOLERANCE, rtol=TOLERANCE)
    assert set(their_labels(out)) == set(LABELS)


@pytest.mark.parametrize("pooling", ["pooler", "cls", "mean"])
def test_probabilities_in_float16(tmp_path: Path, family: str, pooling: str) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, family)
    encoder = load_encoder(source)
    if pooling == "pooler" and encoder.pooler is None:
        return
    kernel, bias = head(LABELS)
    assert np.abs(kernel).max() > 1
    export(out, encoder, pooling, kernel, bias, source)
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    expected = softmax(our_logits(encoder, tokenizer, TEXTS, pooling, kernel, bias))
    pipe = transformers.pipeline(
        "text-classification", model=str(out), device="cpu", dtype=torch.float16
    )
    assert pipe.model.dtype == torch.float16
    np.testing.assert_allclose(their_scores(pipe, TEXTS, batch_size=2), expected, atol=0.02)


@pytest.mark.parametrize("size", [1e-4, 1.0, 60.0])
def test_a_head_through_tanh_is_straight_and_has_weights_of_float16(size: float) -> None:
    draw = np.random.default_rng(3)
    kernel = draw.uniform(-size, size, (48, 3)).astype(np.float32)
    bias, vectors = np.array([1.0, 0.0, -1.0], np.float32), draw.normal(size=(20, 48))
    first, second, third, fourth = tanh_head(kernel, bias)
    assert np.abs(third).max() <= np.finfo(np.float16).max
    found = np.tanh(vectors @ first + second) @ third + fourth
    np.testing.assert_allclose(found, vectors @ kernel + bias, atol=2e-5 * max(1.0, size))


def their_labels(directory: Path) -> list[str]:
    """The labels that the exported configuration names, in order."""
    values = json.loads((directory / "config.json").read_text())["id2label"]
    return [values[str(i)] for i in range(len(values))]


def export(
    out: Path, encoder: Any, pooling: str, kernel: Any, bias: Any, source: Path, **options: Any
) -> dict[str, Any]:
    """`export_sequence_classifier` with the labels of these tests."""
    return export_sequence_classifier(
        out,
        encoder=encoder,
        pooling=pooling,
        kernel=kernel,
        bias=bias,
        label_names=LABELS,
        tokenizer_dir=source,
        **options,
    )


@pytest.mark.parametrize("pooling", ["pooler", "cls", "mean"])
def test_pairs_of_texts(tmp_path: Path, pooling: str) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, "bert")
    encoder = load_encoder(source)
    kernel, bias = head(LABELS)
    export(out, encoder, pooling, kernel, bias, source)
    pairs = [("the cat sat", "on the mat"), ("home", "a very old dog runs fast")]
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    assert tokenizer(*pairs[0])["token_type_ids"][-1] == 1
    logits = our_logits(encoder, tokenizer, pairs, pooling, kernel, bias)
    found = their_scores(their_pipeline(out), pairs, batch_size=2)
    np.testing.assert_allclose(found, softmax(logits), atol=TOLERANCE)


@pytest.mark.parametrize(
    ("which", "labels", "poolings"),
    [
        ("bert", 11, ("cls", "mean")),
        ("distilbert", 6, ("cls", "mean")),
        ("distilbert", 7, ("cls",)),
        ("electra", 6, ("cls", "mean")),
        ("electra", 7, ("cls",)),
    ],
)
def test_many_labels(tmp_path: Path, which: str, labels: int, poolings: tuple[str, ...]) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, which)
    encoder = load_encoder(source)
    names = [f"label {i}" for i in range(labels)]
    kernel, bias = head(names)
    options = {"label_names": names, "tokenizer_dir": source, "kernel": kernel, "bias": bias}
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    for pooling in poolings:
        export_sequence_classifier(out, encoder=encoder, pooling=pooling, **options)
        logits = our_logits(encoder, tokenizer, TEXTS, pooling, kernel, bias)
        found = their_scores(their_pipeline(out), TEXTS, batch_size=2)
        np.testing.assert_allclose(found, softmax(logits), atol=TOLERANCE)


@pytest.mark.parametrize(("which", "labels"), [("bert", 12), ("distilbert", 7)])
def test_too_many_labels_for_the_mean(tmp_path: Path, which: str, labels: int) -> None:
    save_checkpoint(tmp_path, which)
    names = [f"label {i}" for i in range(labels)]
    kernel, bias = head(names)
    options = {"label_names": names, "tokenizer_dir": tmp_path, "kernel": kernel, "bias": bias}
    with pytest.raises(InputError, match=f"found {labels}; choose pooling=cls"):
        export_sequence_classifier(
            tmp_path / "out", encoder=load_encoder(tmp_path), pooling="mean", **options
        )
    assert not (tmp_path / "out").exists()


def test_text_that_spells_out_special_tokens(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, "bert")
    encoder = load_encoder(source)
    kernel, bias = head(LABELS)
    export(out, encoder, "mean", kernel, bias, source)
    texts = ["the cat [SEP] sat", "home [MASK] [SEP] [SEP]", "dog"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    logits = our_logits(encoder, tokenizer, texts, "mean", kernel, bias)
    found = their_scores(their_pipeline(out), texts, batch_size=3)
    np.testing.assert_allclose(found, softmax(logits), atol=TOLERANCE)


def test_cut_to_the_length_asked_for(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, "bert")
    encoder = load_encoder(source)
    kernel, bias = head(LABELS)
    export(out, encoder, "cls", kernel, bias, source, max_length=6)
    long = " ".join(WORDS)
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, model_max_length=6)
    ids = tokenizer(long, truncation=True)["input_ids"]
    assert len(ids) == 6
    vectors, batch = our_tokens(encoder, [ids], [[0] * 6])
    logits = pool(vectors, batch, how="cls").numpy() @ kernel + bias
    found = their_scores(their_pipeline(out), [long], truncation=True)
    np.testing.assert_allclose(found, softmax(logits), atol=TOLERANCE)
    export(out, encoder, "cls", kernel, bias, source, max_length=10_000)
    assert transformers.AutoTokenizer.from_pretrained(out).model_max_length == POSITIONS


def test_token_classification(tmp_path: Path, family: str) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, family)
    encoder = load_encoder(source)
    kernel, bias = head(TAGS)
    facts = export_token_classifier(
        out, encoder=encoder, kernel=kernel, bias=bias, label_names=TAGS, tokenizer_dir=source
    )
    assert facts["class"] == f"{class_of(family)}ForTokenClassification"
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    asked = {"return_offsets_mapping": True, "return_special_tokens_mask": True}
    rows = [tokenizer(text, **asked) for text in TEXTS]
    ids = [row["input_ids"] for row in rows]
    vectors, batch = our_tokens(encoder, ids, [[0] * len(row) for row in ids])
    scores = softmax(vectors.numpy() @ kernel + bias)
    pipe = transformers.pipeline("token-classification", model=str(out), device="cpu")
    for size in (1, len(TEXTS)):
        found = pipe(list(TEXTS), batch_size=size, ignore_labels=[])
        for text, row, (_, column) in zip(found, rows, batch["first"].numpy(), strict=True):
            inner = [i for i, special in enumerate(row["special_tokens_mask"]) if not special]
            assert [(one["start"], one["end"]) for one in text] == [
                row["offset_mapping"][i] for i in inner
            ]
            expected = scores[0, [column + i for i in inner]]
            assert [one["entity"] for one in text] == [TAGS[i] for i in expected.argmax(axis=1)]
            np.testing.assert_allclose(
                [one["score"] for one in text], expected.max(axis=1), atol=TOLERANCE
            )


def test_real_checkpoint_with_mean_pooling(minilm_dir: Path, tmp_path: Path) -> None:
    encoder = load_encoder(minilm_dir)
    kernel, bias = head(LABELS, hidden=384)
    export(tmp_path, encoder, "mean", kernel, bias, minilm_dir)
    texts = ["Stocks fell in New York.", "Rain.", "The team won after extra time, 3:2. " * 8]
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm_dir)
    logits = our_logits(encoder, tokenizer, texts, "mean", kernel, bias)
    assert np.abs(logits).max() > 3
    raw = their_scores(their_pipeline(tmp_path), texts, batch_size=3, function_to_apply="none")
    np.testing.assert_allclose(raw, logits, atol=TOLERANCE)
