"""An encoder from TF Hub as part of a model: token ids in, vectors out."""

from typing import NamedTuple

import tensorflow as tf

from nightloom.hub.layer import SavedModelLayer


class HubOutputs(NamedTuple):
    """What an encoder gives for rows of one text each."""

    sequence_output: tf.Tensor  # [rows, width, hidden]
    pooled_output: tf.Tensor  # [rows, hidden]


class HubEncoder(SavedModelLayer):
    """The encoder of a TF Hub pair; see `SavedModelLayer` for weights, dtype and XLA."""

    def call(  # type: ignore[override]
        self,
        ids: tf.Tensor,
        segments: tf.Tensor,
        training: bool = False,
        seed: tf.Tensor | None = None,
    ) -> HubOutputs:
        """ids, segments: int32 [rows, width], segments 0 is padding; one text a row.

        Two texts in one row (segments 1, 2) would see each other: these encoders know a mask of
        zeros and ones alone.
        """
        inputs = {
            "input_word_ids": ids,
            "input_mask": tf.cast(segments > 0, tf.int32),
            "input_type_ids": tf.zeros_like(ids),
        }
        outputs = super().call(inputs, training=training, seed=seed)
        return HubOutputs(outputs["sequence_output"], outputs["pooled_output"])
