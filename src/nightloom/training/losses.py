"""The training loss."""

import tensorflow as tf


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, *, smoothing: float) -> tf.Tensor:
    """Sum of the cross-entropies of all scored labels, float32 scalar.

    labels: int32 [...], negative if not scored; logits: float32 [..., classes]. A share `smoothing`
    of each target is spread evenly over the classes. Multiplies by one-hot targets because the
    gradient of a look-up would be a scatter.
    """
    scored = tf.cast(labels >= 0, tf.float32)
    wanted = tf.one_hot(labels, logits.shape[-1])
    logs = tf.nn.log_softmax(logits)
    losses = -tf.reduce_sum(wanted * logs, axis=-1)
    if smoothing:
        even = -tf.reduce_mean(logs, axis=-1)
        losses = (1.0 - smoothing) * losses + smoothing * even
    return tf.reduce_sum(losses * scored)
