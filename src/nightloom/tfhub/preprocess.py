"""Texts through a preprocessing SavedModel, once, to ids without padding."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.tfhub.layer import load_saved_model

_PROBE = ("a", "", "a b c d e f g h")


class Preprocessor:
    """A TF Hub preprocessing module (strings → ids, mask, types) for an encode stage.

    `module` is the loaded SavedModel, `length` the maximum tokens per text.
    """

    def __init__(self, directory: Path | str, *, max_length: int) -> None:
        """Load the module; texts will have at most `max_length` tokens.

        Modules with `tokenize` and `bert_pack_inputs` are called with exactly that length. Others
        return the length of their plain call (128 on TF Hub); a smaller `max_length` then truncates
        after the last piece that fits and keeps the closing token, a larger one has no effect: see
        `length`.

        Raises:
            InputError: not a preprocessing module, one that pads on the left or gives a single
                text other types than 0, or a `max_length` below 3.
        """
        if max_length < 3:
            raise InputError(f"expected a length of at least 3 tokens, got {max_length}")
        self.module = load_saved_model(directory)
        self._length = max_length
        self._packs = self._can_pack()
        self.length = min(max_length, self._check(directory))
        self._call = tf.function(self.ragged, input_signature=[tf.TensorSpec([None], tf.string)])

    def __call__(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Token ids of each text, int32, including special tokens, without padding."""
        if not len(texts):
            return []
        found = self._call(tf.constant(list(texts), tf.string))
        ids, splits = found.flat_values.numpy(), found.row_splits.numpy()
        return np.split(ids, splits[1:-1])

    def ragged(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """string [n] → int32 ids [n, (tokens)], including special tokens; for a graph."""
        packed = self._run(texts)
        ids = tf.cast(packed["input_word_ids"], tf.int32)
        lengths = tf.reduce_sum(tf.cast(packed["input_mask"], tf.int32), axis=1)
        kept = tf.minimum(lengths, self.length)
        closing = tf.gather(ids, lengths - 1, batch_dims=1)[:, None]
        last = tf.range(tf.shape(ids)[1])[None] == kept[:, None] - 1
        return tf.RaggedTensor.from_tensor(tf.where(last, closing, ids), lengths=kept)

    def _run(self, texts: tf.Tensor) -> Any:
        if self._packs:
            pieces = self.module.tokenize(texts)
            return self.module.bert_pack_inputs([pieces], seq_length=tf.constant(self._length))
        return self.module(texts)

    def _can_pack(self) -> bool:
        self._packs = hasattr(self.module, "tokenize") and hasattr(self.module, "bert_pack_inputs")
        if not self._packs:
            return False
        try:
            return int(self._run(tf.constant(_PROBE))["input_word_ids"].shape[1]) == self._length
        except Exception:  # a module may raise anything; its plain call is tried instead
            return False

    def _check(self, directory: Path | str) -> int:
        """Run a few texts; returns the width of the output."""
        try:
            given = self._run(tf.constant(_PROBE))
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{directory} does not take strings: {reason}") from error
        if not isinstance(given, Mapping) or not {"input_word_ids", "input_mask"} <= set(given):
            raise InputError(
                f"expected {directory} to turn strings into input_word_ids and input_mask (a "
                "preprocessing module of TF Hub), it does not"
            )
        mask = given["input_mask"].numpy()
        lengths = mask.sum(axis=1)
        if (lengths < 1).any() or (mask != (np.arange(mask.shape[1]) < lengths[:, None])).any():
            raise InputError(
                f"expected {directory} to put tokens on the left and padding on the right, it "
                "does not"
            )
        if np.any(given.get("input_type_ids", 0)):
            raise InputError(f"expected {directory} to give a single text the type 0, it does not")
        return int(mask.shape[1])


def preprocess_texts(
    directory: Path | str,
    texts: Sequence[str],
    *,
    max_length: int,
    batch_size: int = 1024,
    report: Report = SILENT,
) -> Iterator[np.ndarray]:
    """Ids of each text in order, computed batch by batch; see `Preprocessor`."""
    preprocessor = Preprocessor(directory, max_length=max_length)
    if preprocessor.length < max_length:
        report.warn(
            f"the preprocessing module gives at most {preprocessor.length} tokens a text, "
            f"less than the {max_length} asked for"
        )
    for start in range(0, len(texts), batch_size):
        yield from preprocessor(texts[start : start + batch_size])
        done = min(start + batch_size, len(texts))
        report.progress(what="tokenize", done=done, total=len(texts), unit="rows")
