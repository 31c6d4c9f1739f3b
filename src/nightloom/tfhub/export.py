"""Any supported checkpoint as a pair of TF Hub modules with the BERT signature.

The pair loads with TensorFlow alone: `preprocess` turns strings into
`input_word_ids`, `input_mask` and `input_type_ids`; `encoder` turns those into `pooled_output`,
`sequence_output`, `encoder_outputs` and `default`.
"""

import os
import shutil
from pathlib import Path

import tensorflow as tf

from nightloom.encoders.encoder import Encoder
from nightloom.encoders.plain import plain_gradients
from nightloom.encoders.weights import encoder_weights, load_encoder
from nightloom.errors import InputError
from nightloom.text.graph_tokenizer import GraphTokenizer
from nightloom.tfhub.normal_form import normalize_saved_model
from nightloom.tfhub.packing import Root, preprocess_module

SEQ_LENGTH = 128
IDS = tf.TensorSpec([None, None], tf.int32)


def export_hub(checkpoint: Path | str, out: Path | str, *, seq_length: int | None = None) -> None:
    """Write `out/preprocess` and `out/encoder`; neither may exist.

    seq_length: pieces per text, by default 128 or the number of positions.

    `preprocess`: a call on strings [n] gives int32 [n, seq_length]; `tokenize` gives ragged
    pieces [n, (pieces)] without special tokens, and `bert_pack_inputs(inputs, seq_length=...)`
    joins one or two of those, truncated to fit: rows of one segment equal the plain call's. Ids are
    those of the checkpoint's Hugging Face fast tokenizer.

    `encoder`: a call takes the dict of three, int32 [n, width] of any width up to the checkpoint's
    number of positions, and `training` (dropout is active in training, another one each call;
    `seeded(inputs, seed)` is a call in training whose dropout depends on `seed`, uint32 scalar,
    alone). `pooled_output` is the pooler's tanh if the checkpoint has a pooler, else the first
    token's vector as is; `encoder_outputs` lists the output of every layer. All weights are in
    `trainable_variables`. The output at padding is meaningless.

    Two exports of one checkpoint have equal bytes.

    Raises:
        InputError: a checkpoint or a tokenizer that is not supported, a `seq_length` that it has
            no positions for, or folders that are there already.
    """
    checkpoint, out = Path(checkpoint), Path(out)
    for name in ("preprocess", "encoder"):
        if (out / name).exists():
            raise InputError(
                f"expected no folder yet at {out / name}; remove it, or choose another"
            )
    encoder = load_encoder(checkpoint, name="encoder")
    seq_length = seq_length or min(SEQ_LENGTH, encoder.config.max_positions)
    if seq_length > encoder.config.max_positions:
        raise InputError(
            f"seq_length must be at most {encoder.config.max_positions}, the positions of "
            f"{checkpoint}, got {seq_length}"
        )
    tokenizer = GraphTokenizer.from_directory(checkpoint, seq_length)
    with plain_gradients():  # saving traces again
        _save(encoder_module(encoder), out / "encoder")
    _save(preprocess_module(tokenizer, pad_id=encoder.config.pad_id), out / "preprocess")


def encoder_module(encoder: Encoder) -> tf.Module:
    """The encoder as an object to be saved: a call with the signature of TF Hub's BERT."""
    counter = tf.Variable(0, trainable=False, dtype=tf.int32, name="dropout_seed")

    def compute(inputs: dict[str, tf.Tensor], seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
        ids, mask = inputs["input_word_ids"], inputs["input_mask"]
        positions = tf.zeros_like(ids) + tf.range(tf.shape(ids)[1])
        results = encoder.outputs(
            ids,
            mask,
            positions,
            inputs["input_type_ids"],
            training=seed is not None,
            seed=seed,
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
    seed_spec = tf.TensorSpec([], tf.uint32, name="seed")

    @tf.function(autograph=False, input_signature=[spec, seed_spec])
    def seeded(inputs: dict[str, tf.Tensor], seed: tf.Tensor) -> dict[str, tf.Tensor]:
        return compute(inputs, seed)

    @tf.function(autograph=False)
    def call(inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        found: dict[str, tf.Tensor] = (
            seeded(inputs, tf.cast(counter.assign_add(1), tf.uint32))
            if training
            else compute(inputs, None)
        )
        return found

    with plain_gradients():
        for training in (True, False):
            call.get_concrete_function(spec, training=training)
    root = Root()
    weights = {name: weight.value for name, weight in encoder_weights(encoder).items()}
    root.__call__ = call
    root.seeded = seeded
    root.trainable_variables = list(weights.values())
    root.variables = [*root.trainable_variables, counter]
    root.regularization_losses = []
    return root


def _save(module: tf.Module, directory: Path) -> None:
    """Write a SavedModel completely or not at all."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.tmp")
    try:
        tf.saved_model.save(module, str(partial))
        normalize_saved_model(partial)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
