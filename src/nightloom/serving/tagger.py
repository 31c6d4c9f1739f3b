"""A trained tagger as one SavedModel: strings in, a tag with offsets for every piece out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.models.contract import Model
from nightloom.serving.answers.pieces import SavedTagger, TaggedText
from nightloom.serving.parts import parts_of
from nightloom.serving.rows import batch_of
from nightloom.text.windows import room_of

__all__ = ["UNCUT", "SavedTagger", "TaggedText", "export_tagger"]

AT_ONCE = 64
"""Windows per forward pass, so that a long text needs no more memory."""
UNCUT = 2**30
"""Length of a tokenizer that must not truncate."""


class _Tagger(tf.Module):
    """Tokenizer, windows, model and tag names in one graph."""

    def __init__(
        self, tokenizer: Any, model: Model, label_names: Sequence[str], length: int, overlap: int
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.parts = parts_of(model)
        self._logits = model.logits
        self.names = list(label_names)
        self.before, self.after = list(tokenizer.before), list(tokenizer.after)
        specials = len(self.before) + len(self.after)
        self.room = room_of(length, specials=specials, overlap=overlap)
        self.overlap = overlap

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def tag(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """string [n] → for each piece of each text, all [n, most pieces].

        `id` int32, `label` string, `score` float32 (probability of the label), `start` and `end`
        int32 (code points of the text); `pieces` int32 [n]: how many are real. Nothing is cut.
        """
        ids, starts, ends = (self._inner(part) for part in self.tokenizer.with_spans(text))
        best, score = self._decide(ids)
        label = tf.gather(tf.constant(self.names), best)
        return {
            "id": ids.to_tensor(),
            "label": ids.with_flat_values(label).to_tensor(),
            "score": ids.with_flat_values(score).to_tensor(),
            "start": starts.to_tensor(),
            "end": ends.to_tensor(),
            "pieces": tf.cast(ids.row_lengths(), tf.int32),
        }

    @tf.function(input_signature=[])
    def tags(self) -> dict[str, tf.Tensor]:
        """`names`: all tags, string [tags]."""
        return {"names": tf.constant(self.names)}

    def _inner(self, values: tf.RaggedTensor) -> tf.RaggedTensor:
        """Without the special tokens at both ends."""
        return values[:, len(self.before) : -len(self.after) if self.after else None]

    def _decide(self, ids: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Index and probability of the best tag of every piece of every text, [pieces]."""
        owner, start, size, low, high = self._cover(ids.row_lengths())
        begin = tf.gather(ids.row_starts(), owner) + start
        source = tf.ragged.range(begin, begin + size)
        number, probability = self._tag_windows(tf.gather(ids.flat_values, source))
        position = source.flat_values - tf.repeat(begin - start, size)
        decides = (position >= tf.repeat(low, size)) & (position < tf.repeat(high, size))
        return tf.boolean_mask(number, decides), tf.boolean_mask(probability, decides)

    def _cover(self, lengths: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """`text.windows.cover` in TensorFlow: int64 [texts] → five int64 [windows]."""
        room, stride = self.room, self.room - self.overlap
        beyond = tf.maximum(lengths - room, 0)
        counts = 1 - (-beyond // stride)
        owner = tf.repeat(tf.range(tf.size(lengths, tf.int64)), counts)
        number = tf.range(tf.size(owner, tf.int64))
        number -= tf.repeat(tf.cumsum(counts, exclusive=True), counts)
        start = tf.minimum(number * stride, tf.gather(beyond, owner))
        middle = (start + tf.roll(start, 1, axis=0) + room) // 2
        low = tf.where(number > 0, middle, 0)
        is_last = tf.roll(number, -1, axis=0) == 0
        high = tf.where(is_last, tf.gather(lengths, owner), tf.roll(low, -1, axis=0))
        return owner, start, tf.minimum(tf.gather(lengths, owner), room), low, high

    def _tag_windows(self, inner: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Ids of windows without special tokens → best tag and its probability, [pieces]."""
        rows = inner.nrows(tf.int32)
        left, right = (
            tf.repeat(tf.constant(np.array([part], np.int32).reshape(1, -1)), rows, axis=0)
            for part in (self.before, self.after)
        )
        windows = tf.concat([left, inner, right], axis=1)
        found = [
            tf.TensorArray(kind, 0, dynamic_size=True, infer_shape=False, element_shape=[None])
            for kind in (tf.int32, tf.float32)
        ]

        def step(at: tf.Tensor, number: tf.TensorArray, score: tf.TensorArray) -> Any:
            part = windows[at : at + AT_ONCE]
            scores = tf.nn.softmax(self._logits(batch_of(part)))
            values = (tf.argmax(scores, axis=-1, output_type=tf.int32), tf.reduce_max(scores, -1))
            flat = [
                self._inner(tf.RaggedTensor.from_tensor(value, part.row_lengths())).flat_values
                for value in values
            ]
            place = at // AT_ONCE
            return at + AT_ONCE, number.write(place, flat[0]), score.write(place, flat[1])

        # at least one step: the arrays need an element even without texts
        _, number, score = tf.while_loop(lambda at, *_: (at < rows) | (at == 0), step, (0, *found))
        return number.concat(), score.concat()


def export_tagger(
    *,
    tokenizer: Any,
    model: Model,
    label_names: Sequence[str],
    length: int,
    overlap: int,
    folder: Path,
) -> None:
    """Write the SavedModel: signatures `serving_default` (text) and `tags`.

    tokenizer: a `GraphTokenizer` of length `UNCUT`; length, overlap: those of the windows, see
    `text.windows`.
    """
    module = _Tagger(tokenizer, model, label_names, length, overlap)
    signatures = {"serving_default": module.tag, "tags": module.tags}
    tf.saved_model.save(module, str(folder), signatures=signatures)
