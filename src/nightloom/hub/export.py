"""Any supported checkpoint as a pair of TF Hub modules with the BERT signature.

The pair loads with `tensorflow_hub` and `tensorflow_text` alone: `preprocess` turns strings into
`input_word_ids`, `input_mask` and `input_type_ids`; `encoder` turns those into `pooled_output`,
`sequence_output`, `encoder_outputs` and `default`.
"""

import os
import shutil
from pathlib import Path

import tensorflow as tf

from nightloom.encoders.encoder import Encoder
from nightloom.encoders.weights import encoder_weights, load_encoder
from nightloom.errors import InputError
from nightloom.hub.normal_form import normalize_saved_model
from nightloom.text.graph_tokenizer import GraphTokenizer

IDS = tf.TensorSpec([None, None], tf.int32)


class _Root(tf.__internal__.tracking.AutoTrackable):
    """What is saved: functions and the three lists of a reusable SavedModel, nothing else."""


def export_hub(checkpoint: Path | str, out: Path | str, *, seq_length: int = 128) -> None:
    """Write `out/preprocess` and `out/encoder`; neither may exist.

    `preprocess`: a call on strings [n] gives int32 [n, seq_length]; `tokenize` gives ragged
    pieces [n, (pieces)] without special tokens, and `bert_pack_inputs(inputs, seq_length=...)`
    joins one or two of those, cut to fit together: rows of one segment are equal to the plain
    call's. Ids are those of the checkpoint's Hugging Face fast tokenizer.

    `encoder`: a call takes the dict of three, int32 [n, width] of any width up to the checkpoint's
    number of positions, and `training` (dropout is active in training). `pooled_output` is the
    pooler's tanh where the checkpoint has a pooler, else the first token's vector as it is;
    `encoder_outputs` lists the output of every layer. All weights are in `trainable_variables`.

    Two exports of one checkpoint have equal bytes.

    Raises:
        InputError: a checkpoint or a tokenizer that is not supported, a `seq_length` that it has
            no positions for, or folders that are there already.
    """
    checkpoint, out = Path(checkpoint), Path(out)
    for name in ("preprocess", "encoder"):
        if (out / name).exists():
            raise InputError(f"expected no folder yet at {out / name}; remove it, or choose another")
    encoder = load_encoder(checkpoint, name="encoder")
    if seq_length > encoder.config.max_positions:
        raise InputError(
            f"seq_length must be at most {encoder.config.max_positions}, the positions of "
            f"{checkpoint}, got {seq_length}"
        )
    tokenizer = GraphTokenizer.from_directory(checkpoint, seq_length)
    _save(encoder_module(encoder), out / "encoder")
    _save(preprocess_module(tokenizer, pad_id=encoder.config.pad_id), out / "preprocess")


def encoder_module(encoder: Encoder) -> tf.Module:
    """The encoder as an object to be saved: a call with the signature of TF Hub's BERT."""
    seed = tf.Variable(0, trainable=False, dtype=tf.int32, name="dropout_seed")

    @tf.function(autograph=False)
    def call(inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        ids, mask = inputs["input_word_ids"], inputs["input_mask"]
        positions = tf.zeros_like(ids) + tf.range(tf.shape(ids)[1])
        results = encoder.outputs(
            ids,
            mask,
            positions,
            inputs["input_type_ids"],
            training=training,
            seed=seed.assign_add(1) if training else None,
        )
        first = results.sequence_output[:, 0]
        pooled = first if encoder.pooler is None else encoder.pooled(first)
        return {
            "pooled_output": pooled,
            "sequence_output": results.sequence_output,
            "encoder_outputs": list(results.hidden_states[1:]),
            "default": pooled,
        }

    names = ("input_word_ids", "input_mask", "input_type_ids")
    spec = {name: tf.TensorSpec(IDS.shape, IDS.dtype, name=name) for name in names}
    for training in (True, False):
        call.get_concrete_function(spec, training=training)
    root = _Root()
    weights = {name: weight.value for name, weight in encoder_weights(encoder).items()}
    root.__call__ = call
    root.trainable_variables = list(weights.values())
    root.variables = [*root.trainable_variables, seed]
    root.regularization_losses = []
    return root


def preprocess_module(tokenizer: GraphTokenizer, *, pad_id: int) -> tf.Module:
    """The tokenizer as an object to be saved: `__call__`, `tokenize`, `bert_pack_inputs`."""
    length = tokenizer.max_length
    before, after = tokenizer.before, tokenizer.after

    def packed(ids: tf.RaggedTensor, types: tf.RaggedTensor, width: tf.Tensor) -> dict:
        shape = tf.stack([-1, tf.cast(width, tf.int64)])
        mask = tf.ones_like(ids.flat_values)
        return {
            "input_word_ids": ids.to_tensor(pad_id, shape=shape),
            "input_mask": ids.with_flat_values(mask).to_tensor(0, shape=shape),
            "input_type_ids": types.to_tensor(0, shape=shape),
        }

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, "texts")])
    def call(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = tokenizer(texts)
        outputs = packed(ids, tf.zeros_like(ids), tf.constant(length))
        return {name: tf.ensure_shape(value, [None, length]) for name, value in outputs.items()}

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, "texts")])
    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        return tokenizer.bare(texts)

    @tf.function(autograph=False)
    def pack(inputs: list[tf.RaggedTensor], seq_length: tf.Tensor = length) -> dict:
        seq_length = tf.convert_to_tensor(seq_length, tf.int32)
        room = seq_length - len(before) - len(after) * len(inputs)
        segments = _fit(inputs, room)
        rows = segments[0].nrows(tf.int32)
        ids, types = [_columns(before, rows)], [_columns([0] * len(before), rows)]
        for i, segment in enumerate(segments):
            ids += [segment, _columns(after, rows)]
            types += [segment * 0 + i]
            types += [_columns([i] * len(after), rows)]
        return packed(tf.concat(ids, 1), tf.concat(types, 1), seq_length)

    ragged = tf.RaggedTensorSpec([None, None], tf.int32, ragged_rank=1)
    for segments in (1, 2):
        pack.get_concrete_function([ragged] * segments, tf.TensorSpec([], tf.int32, "seq_length"))
        pack.get_concrete_function([ragged] * segments)
    root = _Root()
    root.__call__ = call
    root.tokenize = tokenize
    root.bert_pack_inputs = pack
    root.tokenizer = tokenizer
    root.variables, root.trainable_variables, root.regularization_losses = [], [], []
    return root


def _columns(values: list[int], rows: tf.Tensor) -> tf.Tensor:
    return tf.repeat(tf.constant([values], tf.int32, shape=[1, len(values)]), rows, axis=0)


def _fit(inputs: list[tf.RaggedTensor], room: tf.Tensor) -> list[tf.RaggedTensor]:
    """Cut segments to fit: each gets its half, and what the other does not need."""
    if len(inputs) == 1:
        return [inputs[0][:, : tf.maximum(room, 0)]]
    first, second = (tf.cast(part.row_lengths(), tf.int32) for part in inputs)
    half = room - room // 2
    kept_first = tf.minimum(first, tf.maximum(half, room - second))
    kept_second = tf.minimum(second, room - kept_first)
    return [_cut(inputs[0], kept_first), _cut(inputs[1], kept_second)]


def _cut(ragged: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    column = tf.range(tf.size(ragged.flat_values, tf.int64)) - tf.gather(
        ragged.row_starts(), ragged.value_rowids()
    )
    lengths = tf.cast(tf.maximum(lengths, 0), tf.int64)
    kept = tf.boolean_mask(ragged.flat_values, column < tf.gather(lengths, ragged.value_rowids()))
    return tf.RaggedTensor.from_row_lengths(kept, lengths, validate=False)


def _save(module: tf.Module, directory: Path) -> None:
    """Write a SavedModel so that it appears whole or not at all."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.tmp")
    try:
        tf.saved_model.save(module, str(partial))
        normalize_saved_model(partial)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
