"""Texts through a preprocessing SavedModel, once, to lists of ids without padding."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from nightloom.errors import InputError, RunError
from nightloom.hub.layer import load_saved_model
from nightloom.progress import SILENT, Report


class Preprocessor:
    """A preprocessing module of TF Hub (strings → ids, mask, types) as an encode stage uses it."""

    def __init__(self, directory: Path | str, *, max_length: int) -> None:
        """Load the module; rows will have at most `max_length` tokens.

        Modules with the parts `tokenize` and `bert_pack_inputs` are asked for exactly that length.
        Others give the length of their plain call (128 on TF Hub); a smaller `max_length` then
        cuts behind the last piece that fits and keeps the closing token, a larger one has no
        effect: see `length`.

        Raises:
            InputError: not a preprocessing module, or a `max_length` below 3.
        """
        if max_length < 3:
            raise InputError(f"expected a length of at least 3 tokens, got {max_length}")
        self._module = load_saved_model(directory)
        packs = hasattr(self._module, "tokenize") and hasattr(self._module, "bert_pack_inputs")
        self._packed = packs and self._can_pack(max_length)
        given = self._run(tf.constant(["a"]))
        if not isinstance(given, dict) or not {"input_word_ids", "input_mask"} <= set(given):
            raise InputError(
                f"expected {directory} to turn strings into input_word_ids and input_mask"
                " (a preprocessing module of TF Hub), it does not"
            ) if not self._packed else RunError(f"{directory}: bert_pack_inputs gives no ids")
        self.length = min(max_length, int(given["input_word_ids"].shape[1]))

    def _can_pack(self, length: int) -> bool:
        self._wanted = length
        try:
            self._packed = True
            return int(self._run(tf.constant(["a"]))["input_word_ids"].shape[1]) == length
        except Exception:
            return False

    def _run(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._packed:
            pieces = self._module.tokenize(texts)
            return self._module.bert_pack_inputs([pieces], seq_length=tf.constant(self._wanted))
        return self._module(texts)

    def __call__(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Token ids of each text, int32, special tokens included, without padding."""
        if not len(texts):
            return []
        packed = self._run(tf.constant(list(texts), tf.string))
        ids, mask = packed["input_word_ids"].numpy(), packed["input_mask"].numpy()
        lengths = mask.sum(axis=1)
        if (mask != (np.arange(mask.shape[1]) < lengths[:, None])).any():
            raise RunError("expected the preprocessing module to pad on the right, it does not")
        if self.length < ids.shape[1]:
            cut = np.flatnonzero(lengths > self.length)
            ids[cut, self.length - 1] = ids[cut, lengths[cut] - 1]
            lengths = np.minimum(lengths, self.length)
        return [row[:length].astype(np.int32) for row, length in zip(ids, lengths, strict=True)]


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
