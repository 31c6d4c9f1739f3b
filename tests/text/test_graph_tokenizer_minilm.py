"""The real vocabulary on real texts; ids without spans are compared in the hub's tests."""

import csv
from pathlib import Path

import pytest
import tensorflow as tf

from nightloom.text.graph_tokenizer import GraphTokenizer, load_fast

LENGTH = 128


@pytest.mark.real_data
def test_minilm_gives_the_ids_and_spans_of_the_fast_tokenizer_on_all_ag_news_test_texts(
    shared_data: Path, minilm_dir: Path
) -> None:
    with (shared_data / "ag_news" / "test.csv").open(encoding="utf-8", newline="") as file:
        texts = [" ".join(row[1:]) for row in csv.reader(file)]
    assert len(texts) == 7600
    fast = load_fast(minilm_dir)
    graph = GraphTokenizer.from_directory(minilm_dir, LENGTH)
    call = tf.function(graph.with_spans, input_signature=[tf.TensorSpec([None], tf.string)])
    for start in range(0, len(texts), 1000):
        batch = texts[start : start + 1000]
        expected = fast(batch, truncation=True, max_length=LENGTH, return_offsets_mapping=True)
        ids, starts, ends = (part.to_list() for part in call(tf.constant(batch)))
        assert ids == expected["input_ids"]
        spans = [list(zip(*both, strict=True)) for both in zip(starts, ends, strict=True)]
        assert spans == expected["offset_mapping"]
