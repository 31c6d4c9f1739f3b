"""The encoder: token ids → one vector per token, for packed rows.

Several short examples can share a row: `segments` says which example a token belongs to, attention
stays inside a segment, and `positions` restart with each example. An example gets the same vectors
wherever it is placed.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from nightloom.encoders.choices import check_pooling, upper_layers
from nightloom.encoders.config import EncoderConfig
from nightloom.encoders.dropout import derived_seed, dropout
from nightloom.encoders.initial import next_seed
from nightloom.encoders.layers import Dense, LayerNorm, TransformerLayer, sizes, tensor
from nightloom.encoders.lookup import rows_of


class EncoderOutputs(NamedTuple):
    """Everything an encoder computes.

    sequence_output: [rows, width, hidden]; hidden_states: the embeddings, then the output of each
    layer, each [rows, width, hidden]; attentions: on request, one float32 [rows, heads, width,
    width] per layer.
    """

    sequence_output: tf.Tensor
    hidden_states: list[tf.Tensor]
    attentions: list[tf.Tensor]


class Encoder(keras.layers.Layer):
    """An encoder of one of `architectures` as a Keras 3 layer on TensorFlow.

    `blocks` are the distinct transformer layers (one for ALBERT, which applies it `config.layers`
    times); `pooler` is the dense layer of BERT's pooled output, or None.
    """

    def __init__(
        self,
        config: EncoderConfig,
        *,
        with_pooler: bool = False,
        initializer: Any = None,
        **options: Any,
    ) -> None:
        # words looked up in float32 are summed in float32
        super().__init__(autocast=False, **options)
        self.config = config
        init = initializer or keras.initializers.TruncatedNormal(stddev=0.02, seed=next_seed())
        size, hidden = config.embedding_size, config.hidden_size

        def table(rows: int, name: str) -> keras.Variable:
            return self.add_weight(shape=(rows, size), initializer=init, name=name, autocast=False)

        shared = {"initializer": init, "dtype": self.dtype_policy}
        self.words = table(config.vocab_size, "words")
        self.places = table(config.max_positions + config.position_offset, "places")
        self.types = table(config.type_vocab_size, "types") if config.type_vocab_size else None
        with keras.name_scope(self.name):
            self.norm = LayerNorm(size, config.layer_norm_eps, name="norm", dtype=self.dtype_policy)
            self.projection = (
                Dense(size, hidden, name="projection", **shared) if config.projects else None
            )
            self.blocks = [
                TransformerLayer(config, name=f"layer_{i}", **shared)
                for i in range(config.distinct_layers)
            ]
            self.pooler = Dense(hidden, hidden, name="pooler", **shared) if with_pooler else None
        self.built = True

    def call(
        self,
        ids: tf.Tensor,
        segments: tf.Tensor,
        positions: tf.Tensor,
        types: tf.Tensor | None = None,
        training: bool = False,
        seed: tf.Tensor | None = None,
        embedded: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The last layer's vectors, [rows, width, hidden].

        ids, segments, positions, types: int32 [rows, width]; segments 0 is padding, positions
        count from 0 in each example, types default to 0. In training, `seed` (int32 or uint32
        scalar, different for each step) determines dropout; no state is kept between calls.
        `embedded` is the result of `look_up(ids)`, if the caller already has it (gradients then
        flow to it instead of the table). The output at padding is meaningless.
        """
        return self.outputs(
            ids, segments, positions, types, training, seed, embedded
        ).sequence_output

    def look_up(self, ids: tf.Tensor) -> tf.Tensor:
        """The rows of the word table, float32 [rows, width, embedding_size]."""
        return tf.gather(tensor(self.words), ids)

    def outputs(
        self,
        ids: tf.Tensor,
        segments: tf.Tensor,
        positions: tf.Tensor,
        types: tf.Tensor | None = None,
        training: bool = False,
        seed: tf.Tensor | None = None,
        embedded: tf.Tensor | None = None,
        with_maps: bool = False,
    ) -> EncoderOutputs:
        """Like a call, with hidden states and, `with_maps`, the attention maps of every layer.

        Maps are those of the attention without dropout.
        """
        config = self.config
        drops = training and max(config.dropout, config.attention_dropout) > 0
        if drops and seed is None:
            raise ValueError("training with dropout needs `seed`, an integer scalar tensor")
        seed = seed if drops else None
        rows, width = sizes(ids)
        words = self.look_up(ids) if embedded is None else embedded
        tokens = self.embed(words, positions, types)
        if seed is not None:
            tokens = dropout(tokens, config.dropout, derived_seed(seed, 0))
        if self.projection is not None:
            tokens = self.projection(tokens)
        states, maps = [tokens], []
        for i in range(config.layers):
            tokens, attention = self.blocks[i % len(self.blocks)](
                tokens, segments, seed=seed, index=i, with_maps=with_maps
            )
            states.append(tokens)
            if attention is not None:
                maps.append(attention)
        shape = [rows, width, config.hidden_size]
        shaped = [tf.reshape(state, shape) for state in states]
        return EncoderOutputs(shaped[-1], shaped, maps)

    def embed(
        self, words: tf.Tensor, positions: tf.Tensor, types: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Normed sum of word, position and type embeddings, [rows * width, embedding_size].

        words: [rows, width, embedding_size], from `look_up`.
        """
        width, offset = positions.shape[1], self.config.position_offset
        reached = None if width is None else width + offset  # by examples inside a row
        flat = tf.reshape(positions, [-1]) + offset
        tokens = tf.reshape(tf.cast(words, tf.float32), [-1, self.config.embedding_size])
        tokens = tokens + rows_of(tensor(self.places)[:reached], flat)
        if self.types is not None:
            table = tensor(self.types)
            tokens += table[0] if types is None else rows_of(table, tf.reshape(types, [-1]))
        return self.norm(tokens)

    def pooled(self, vectors: tf.Tensor) -> tf.Tensor:
        """tanh of the pooler's dense layer on first-token vectors [examples, hidden]."""
        check_pooling("pooler", has_pooler=self.pooler is not None)
        assert self.pooler is not None
        return tf.tanh(self.pooler(vectors))

    def freeze(self, trainable: str) -> None:
        """Choose what trains: "head" (nothing here), "all", or "top:N" (the upper N layers).

        With top:N the pooler trains too. Raises InputError for anything else, for an N above the
        number of layers, and for ALBERT, whose layers share weights.
        """
        config = self.config
        upper = upper_layers(trainable, layers=config.layers, shared=config.shared_layers)
        self.trainable = False
        if upper == 0:
            return
        self.trainable = True  # reaches every part only because it was False before
        if upper is None:
            return
        lower = self.blocks[: len(self.blocks) - upper]
        for part in (self.words, self.places, self.types, self.norm, *lower):
            if part is not None:
                part.trainable = False
