"""The parts of an encoder: dense layer, layer norm, self-attention with feed-forward part.

Everything works on tokens [rows * width, hidden], so that each dense layer is one large matrix
product; only the attention itself sees rows and heads.
"""

import keras
import tensorflow as tf

from nightloom.encoders.attention import Dropped, attend, attention_maps
from nightloom.encoders.config import EncoderConfig
from nightloom.encoders.dropout import derived_seed, dropout


def activate(name: str, values: tf.Tensor) -> tf.Tensor:
    """Apply one of the four functions of `EncoderConfig.activation`."""
    if name == "relu":
        return tf.nn.relu(values)
    if name == "silu":
        return tf.nn.silu(values)
    return tf.nn.gelu(values, approximate=name == "gelu_tanh")


def tensor(weight: keras.Variable) -> tf.Tensor:
    """The value of a weight, in the compute dtype of the calling layer."""
    return tf.convert_to_tensor(weight)


class Dense(keras.layers.Layer):
    """values [n, inputs] → values @ kernel + bias, [n, units]."""

    def __init__(self, inputs: int, units: int, *, initializer: object, **options: object) -> None:
        super().__init__(**options)
        self.kernel = self.add_weight(shape=(inputs, units), initializer=initializer, name="kernel")
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.built = True

    def weights_now(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Kernel and bias, in the compute dtype of the calling layer."""
        return tensor(self.kernel), tensor(self.bias)

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """[n, inputs] → [n, units]."""
        kernel, bias = self.weights_now()
        return tf.linalg.matmul(values, kernel) + bias


class LayerNorm(keras.layers.Layer):
    """Layer normalisation over the last axis, computed in float32 whatever the policy."""

    def __init__(self, size: int, eps: float, **options: object) -> None:
        super().__init__(**options)
        self.eps = eps
        self.gamma = self.add_weight(
            shape=(size,), initializer="ones", name="gamma", autocast=False
        )
        self.beta = self.add_weight(shape=(size,), initializer="zeros", name="beta", autocast=False)
        self.built = True

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Same shape, in the compute dtype."""
        wide = tf.cast(values, tf.float32)
        centred = wide - tf.reduce_mean(wide, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        normed = centred * tf.math.rsqrt(variance + self.eps)
        return tf.cast(normed * tensor(self.gamma) + tensor(self.beta), self.compute_dtype)


class TransformerLayer(keras.layers.Layer):
    """Self-attention and feed-forward, each followed by residual sum and layer norm (post-norm).

    Query, key and value are one product: `qkv` holds their concatenated kernels.
    """

    def __init__(self, config: EncoderConfig, *, initializer: object, **options: object) -> None:
        super().__init__(**options)
        self.config = config
        hidden, inner, eps = config.hidden_size, config.intermediate_size, config.layer_norm_eps

        def dense(inputs: int, units: int, name: str) -> Dense:
            return Dense(inputs, units, initializer=initializer, name=name, dtype=self.dtype_policy)

        def norm(name: str) -> LayerNorm:
            return LayerNorm(hidden, eps, name=name, dtype=self.dtype_policy)

        with keras.name_scope(self.name):
            self.qkv = dense(hidden, 3 * hidden, "qkv")
            self.attention_output = dense(hidden, hidden, "attention_output")
            self.attention_norm = norm("attention_norm")
            self.up = dense(hidden, inner, "up")
            self.down = dense(inner, hidden, "down")
            self.output_norm = norm("output_norm")
        self.built = True

    def call(
        self,
        tokens: tf.Tensor,
        segments: tf.Tensor,
        seed: tf.Tensor | None = None,
        index: int = 0,
        with_maps: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Tokens [rows * width, hidden] after this layer, and its attention maps if asked for.

        segments: int32 [rows, width], equal for tokens that attend to each other; maps: float32
        [rows, heads, width, width]; seed: None in inference; index: the layer's number.
        """
        config = self.config
        attended, maps = self._attend(tokens, segments, seed, index, with_maps)
        attended = self.attention_output(attended)
        if seed is not None:
            attended = dropout(attended, config.dropout, derived_seed(seed, 3 * index + 2))
        tokens = self.attention_norm(tokens + attended)
        inner = self.down(activate(config.activation, self.up(tokens)))
        if seed is not None:
            inner = dropout(inner, config.dropout, derived_seed(seed, 3 * index + 3))
        return self.output_norm(tokens + inner), maps

    def _attend(
        self,
        tokens: tf.Tensor,
        segments: tf.Tensor,
        seed: tf.Tensor | None,
        index: int,
        with_maps: bool,
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        config = self.config
        rows, width = sizes(segments)
        qkv = tf.reshape(self.qkv(tokens), [rows, width, 3, config.heads, config.head_size])
        query, key, value = tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4]), num=3)
        query = query * tf.cast(config.head_size**-0.5, query.dtype)
        dropped = None
        if seed is not None and config.attention_dropout > 0:
            dropped = Dropped(config.attention_dropout, derived_seed(seed, 3 * index + 1))
        attended = tf.transpose(attend(query, key, value, segments, dropped), [0, 2, 1, 3])
        maps = attention_maps(query, key, segments) if with_maps else None
        return tf.reshape(attended, [rows * width, config.hidden_size]), maps


def sizes(values: tf.Tensor) -> list[int | tf.Tensor]:
    """The shape of `values`, with sizes as ints if known while tracing."""
    dynamic = tf.shape(values)
    return [dynamic[i] if size is None else size for i, size in enumerate(values.shape)]
