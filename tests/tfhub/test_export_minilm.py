"""The real small BERT as a pair, on real texts."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import torch
from transformers import AutoModel

from nightloom.text.graph_tokenizer import load_fast
from nightloom.tfhub.fetch import fetch_modules
from nightloom.tfhub.preprocess import Preprocessor


@pytest.mark.real_data
def test_the_minilm_pair_has_the_ids_and_numbers_of_the_checkpoint(
    shared_data: Path, minilm_dir: Path, tmp_path: Path
) -> None:
    pair = fetch_modules(encoder=str(minilm_dir), out=tmp_path)
    assert (pair.seq_length, pair.hidden_size) == (128, 384)
    with (shared_data / "ag_news" / "test.csv").open(encoding="utf-8", newline="") as file:
        texts = [" ".join(row[1:]) for row in csv.reader(file)]
    assert len(texts) == 7600
    preprocessor = Preprocessor(pair.preprocess, max_length=128)
    fast = load_fast(minilm_dir)
    for start in range(0, len(texts), 1000):
        batch = texts[start : start + 1000]
        ids = [row.tolist() for row in preprocessor(batch)]
        assert ids == fast(batch, truncation=True, max_length=128)["input_ids"]

    few = [*texts[:6], "short", ""]
    inputs = tf.saved_model.load(str(pair.preprocess))(tf.constant(few))
    given = tf.saved_model.load(str(pair.encoder))(inputs)
    with torch.no_grad():
        expected = AutoModel.from_pretrained(minilm_dir)(
            torch.tensor(inputs["input_word_ids"].numpy()),
            attention_mask=torch.tensor(inputs["input_mask"].numpy()),
        )
    real = inputs["input_mask"].numpy() > 0
    np.testing.assert_allclose(
        given["sequence_output"].numpy()[real], expected.last_hidden_state.numpy()[real], atol=1e-4
    )
    np.testing.assert_allclose(
        given["pooled_output"].numpy(), expected.pooler_output.numpy(), atol=1e-4
    )
