"""A word vocabulary, adapted on the training split; its tokenizer is Keras' TextVectorization.

The same layer adapts, encodes and goes into the exported graph, so the three cannot differ.
"""

import json
from pathlib import Path
from typing import Any

import keras
import pyarrow as pa
import tensorflow as tf

from nightloom.context import BuildContext
from nightloom.data.arrow import open_split
from nightloom.facts import DataFacts
from nightloom.settings.model import WordVocabularySettings

VOCABULARY = "vocabulary.txt"
DESCRIPTION = "words.json"
ADAPT_ROWS = 1024
"""Texts counted per call: 130 times as fast as one at a time."""
NEEDS: tuple[str, ...] = ()


def adapt(context: BuildContext) -> dict[str, Any]:
    """Count the words of the training split; writes the vocabulary, one word per line."""
    settings = context.group("tokenizer", WordVocabularySettings)
    layer = _layer(settings.standardize, settings.vocabulary_size)
    rows = context.facts("dataset", DataFacts).rows["train"]
    wanted = min(rows, settings.adapt_rows or rows)
    seen = 0
    for batch in open_split(context.inputs["dataset"].path / "train", ["text"]):
        texts = batch.column("text").to_pylist()[: wanted - seen]
        for start in range(0, len(texts), ADAPT_ROWS):
            layer.update_state(tf.constant(texts[start : start + ADAPT_ROWS]))
        seen += len(texts)
        context.report.progress(what="adapt", done=seen, total=wanted, unit="rows")
        if seen == wanted:
            break
    layer.finalize_state()
    words = layer.get_vocabulary()
    (context.out / VOCABULARY).write_text("\n".join(words) + "\n", encoding="utf-8")
    description = {"standardize": settings.standardize}
    (context.out / DESCRIPTION).write_text(json.dumps(description) + "\n", encoding="utf-8")
    return {"vocabulary": len(words), "adapted_on": seen}


def load(folder: Path, *, length: int) -> "WordTokenizer":
    """The tokenizer in `folder`, truncating texts to `length` words."""
    words = (folder / VOCABULARY).read_text("utf-8").removesuffix("\n").split("\n")
    description = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    return WordTokenizer(words, standardize=description["standardize"], length=length)


class WordTokenizer:
    """Texts to word ids; 1 is an unknown word, 0 is padding."""

    def __init__(self, words: list[str], *, standardize: str, length: int) -> None:
        self._layer = _layer(standardize, len(words))
        self._layer.set_vocabulary(words)
        self._length = length
        self._call = tf.function(self._ids, input_signature=[tf.TensorSpec([None], tf.string)])

    def _ids(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return tf.cast(self._layer(texts), tf.int32)[:, : self._length]

    def encode(self, texts: list[str]) -> pa.ListArray:
        """Word ids of each text, list<int32>; may be empty."""
        ragged = self._call(tf.constant(texts, tf.string))
        return pa.ListArray.from_arrays(
            pa.array(ragged.row_splits.numpy(), pa.int32()),
            pa.array(ragged.flat_values.numpy(), pa.int32()),
        )

    def graph(self) -> tf.Module:
        """The same as a module for an exported graph."""
        return _WordGraph(self._layer, self._length)


class _WordGraph(tf.Module):
    def __init__(self, layer: keras.layers.TextVectorization, length: int) -> None:
        super().__init__()
        self.layer = layer
        self.length = length

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """string [n] → int32 ids, ragged [n, (words)]."""
        return tf.cast(self.layer(texts), tf.int32)[:, : self.length]


def _layer(standardize: str, size: int) -> keras.layers.TextVectorization:
    return keras.layers.TextVectorization(
        max_tokens=size,
        standardize=None if standardize == "none" else standardize,
        ragged=True,
    )
