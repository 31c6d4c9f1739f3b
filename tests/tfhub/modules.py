"""Small SavedModels like those on TF Hub, made by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_text as tf_text

PIECES = (
    "[PAD] [UNK] [CLS] [SEP] the cat sat on mat un ##happ ##y dog , . ! a b c d e f g h".split()
)
HIDDEN = 4


class Preprocessing(tf.Module):
    """As TF Hub's BERT preprocessing modules: tensorflow-text, the vocabulary a file beside it."""

    def __init__(self, vocabulary: Path, *, length: int, packs: bool) -> None:
        super().__init__()
        vocabulary.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
        self.tokenizer = tf_text.BertTokenizer(
            str(vocabulary), token_out_type=tf.int32, lower_case=True
        )
        self.length = length
        if packs:
            self.tokenize = tf.function(self._tokenize, input_signature=[STRINGS])
            self.bert_pack_inputs = tf.function(self._pack)
            ragged = tf.RaggedTensorSpec([None, None, None], tf.int32, ragged_rank=2)
            self.bert_pack_inputs.get_concrete_function([ragged], tf.TensorSpec([], tf.int32))

    def _tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return self.tokenizer.tokenize(texts)

    def _pack(self, inputs: list[tf.RaggedTensor], seq_length: Any) -> dict[str, tf.Tensor]:
        trimmed = tf_text.RoundRobinTrimmer(max_seq_length=seq_length - 2).trim(
            [inputs[0].merge_dims(1, 2)]
        )
        ids, types = tf_text.combine_segments(trimmed, 2, 3)
        shape = tf.stack([-1, tf.cast(seq_length, tf.int64)])
        return {
            "input_word_ids": ids.to_tensor(shape=shape),
            "input_mask": tf.ones_like(ids).to_tensor(shape=shape),
            "input_type_ids": types.to_tensor(shape=shape),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        packed = self._pack([self._tokenize(texts)], self.length)
        return {name: tf.ensure_shape(part, [None, self.length]) for name, part in packed.items()}


STRINGS = tf.TensorSpec([None], tf.string)


def save_preprocessing(directory: Path, *, length: int = 12, packs: bool = True) -> Path:
    """Write a preprocessing module, with or without the parts `tokenize` and `bert_pack_inputs`."""
    vocabulary = directory.with_name(f"{directory.name}-vocab.txt")
    module = Preprocessing(vocabulary, length=length, packs=packs)
    tf.saved_model.save(module, str(directory))
    vocabulary.unlink()
    return directory


class TinyEncoder(tf.Module):
    """The signature of a TF Hub encoder over one embedding table, with random dropout."""

    def __init__(self) -> None:
        super().__init__()
        values = tf.reshape(tf.sin(tf.range(len(PIECES) * HIDDEN, dtype=tf.float32)), [-1, HIDDEN])
        self.table = tf.Variable(values, name="words/table")
        self.scale = tf.Variable(tf.ones([HIDDEN]), name="scale")
        self.steps = tf.Variable(0, trainable=False, name="steps")
        self.fixed = tf.Variable(2.0, trainable=False, name="scale")

    @tf.function
    def __call__(self, inputs: dict[str, tf.Tensor], training: bool = False) -> Any:
        vectors = tf.gather(self.table, inputs["input_word_ids"]) * self.scale * self.fixed
        vectors *= tf.cast(inputs["input_mask"], tf.float32)[:, :, None]
        if training:
            self.steps.assign_add(1)
            vectors = tf.nn.dropout(vectors, 0.5)
        pooled = tf.tanh(vectors[:, 0])
        return {"sequence_output": vectors, "pooled_output": pooled, "default": pooled}


def save_encoder(directory: Path) -> Path:
    """Write the encoder with the two variants of its call, as exported for TF Hub."""
    encoder = TinyEncoder()
    ids = tf.TensorSpec([None, None], tf.int32)
    spec = dict.fromkeys(("input_word_ids", "input_mask", "input_type_ids"), ids)
    for training in (True, False):
        encoder.__call__.get_concrete_function(spec, training=training)
    root = tf.train.Checkpoint()
    root.model = encoder
    root.__call__ = encoder.__call__
    root.trainable_variables = [encoder.table, encoder.scale]
    root.variables = [*root.trainable_variables, encoder.steps, encoder.fixed]
    tf.saved_model.save(root, str(directory))
    return directory


def save_function(directory: Path, function: Callable[..., Any], *specs: tf.TensorSpec) -> Path:
    """Write a SavedModel whose call is this function."""
    root = tf.Module()
    root.__call__ = tf.function(function, input_signature=specs, autograph=False)
    tf.saved_model.save(root, str(directory))
    return directory
