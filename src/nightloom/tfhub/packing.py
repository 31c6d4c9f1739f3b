"""A tokenizer as a TF Hub preprocessing module: strings to ids, mask and types of one width."""

from typing import Any

import tensorflow as tf

from nightloom.text.graph_rows import columns, cut, repeated, row_ids
from nightloom.text.graph_tokenizer import GraphTokenizer

STRINGS = tf.TensorSpec([None], tf.string, "texts")
MOST_SEGMENTS = 2


class Root(tf.__internal__.tracking.AutoTrackable):
    """The saved object: functions and the three lists of a reusable SavedModel, nothing else."""


def preprocess_module(tokenizer: GraphTokenizer, *, pad_id: int) -> Any:
    """An object to be saved: `__call__`, `tokenize`, `bert_pack_inputs`; see `export_hub`."""
    length = tokenizer.max_length

    @tf.function(autograph=False, input_signature=[STRINGS])
    def call(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = tokenizer(texts)
        mask = tf.sequence_mask(ids.row_lengths(), length, tf.int32)
        dense = ids.to_tensor(pad_id, shape=[None, length])
        return _named(dense, mask, tf.zeros_like(mask))

    @tf.function(autograph=False, input_signature=[STRINGS])
    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        return tokenizer.bare(texts)

    @tf.function(autograph=False)
    def packed(inputs: list[tf.RaggedTensor], width: tf.Tensor) -> dict[str, tf.Tensor]:
        return _pack(inputs, width, tokenizer.before, tokenizer.after, pad_id)

    @tf.function(autograph=False)
    def pack(inputs: list[tf.RaggedTensor], seq_length: tf.Tensor = length) -> dict[str, Any]:
        found: dict[str, Any] = packed(inputs, tf.cast(seq_length, tf.int64))
        return found

    ragged = tf.RaggedTensorSpec([None, None], tf.int32, ragged_rank=1)
    for segments in range(1, MOST_SEGMENTS + 1):
        pack.get_concrete_function([ragged] * segments, tf.TensorSpec([], tf.int32, "seq_length"))
        pack.get_concrete_function([ragged] * segments)
    root = Root()
    root.__call__ = call
    root.tokenize = tokenize
    root.bert_pack_inputs = pack
    root.tokenizer = tokenizer
    root.variables, root.trainable_variables, root.regularization_losses = [], [], []
    return root


def _named(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"input_word_ids": ids, "input_mask": mask, "input_type_ids": types}


def _pack(
    inputs: list[tf.RaggedTensor],
    width: tf.Tensor,
    before: list[int],
    after: list[int],
    pad_id: int,
) -> dict[str, tf.Tensor]:
    """Concatenated segments, each closed by `after`, as int32 [rows, width]."""
    rooms = _rooms(inputs, width - len(before) - len(after) * len(inputs))
    rows = inputs[0].nrows()
    line = tf.range(rows) * width
    places, tokens = [columns(line, len(before))], [repeated(before, line)]
    ends = [tf.fill([rows], tf.constant(len(before), tf.int64))]
    for segment, room in zip(inputs, rooms, strict=True):
        kept, splits = cut(segment.flat_values, segment.row_splits, room)
        first, closed = line + ends[-1], ends[-1] + splits[1:] - splits[:-1]
        shift = tf.gather(first - splits[:-1], row_ids(splits))
        places += [tf.range(tf.size(kept, tf.int64)) + shift, columns(line + closed, len(after))]
        tokens += [kept, repeated(after, line)]
        ends.append(closed + len(after))
    ids = tf.tensor_scatter_nd_update(
        tf.fill([rows * width], pad_id), tf.concat(places, 0)[:, None], tf.concat(tokens, 0)
    )
    column = tf.range(width)[None]
    mask = tf.cast(column < ends[-1][:, None], tf.int32)
    behind = [tf.cast(column >= end[:, None], tf.int32) for end in ends[1:-1]]
    types = tf.add_n([tf.zeros_like(mask), *behind]) * mask
    return _named(tf.reshape(ids, [rows, width]), mask, types)


def _rooms(inputs: list[tf.RaggedTensor], room: tf.Tensor) -> list[tf.Tensor]:
    """The size of each segment, [rows]: its half, plus what the other does not need."""
    if len(inputs) == 1:
        return [room]
    first, second = (part.row_lengths() for part in inputs)
    half = room - room // 2
    kept = tf.minimum(first, tf.maximum(half, room - second))
    return [kept, room - kept]
