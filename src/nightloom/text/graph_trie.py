"""A vocabulary as a trie in a TensorFlow graph, and walks over chains of pieces."""

import numpy as np
import tensorflow as tf

from nightloom.text.graph_rows import mark

_LETTERS = 0x110000


class Trie(tf.Module):
    """A vocabulary's pieces by their characters; node 0 is the root."""

    def __init__(self, ids: dict[str, int]) -> None:
        """`ids` maps each non-empty piece to its id."""
        super().__init__()
        self.longest = max(map(len, ids), default=1)
        keys, pieces, self._nodes = _edges(ids)
        with tf.init_scope():
            self._keys = tf.constant(keys)
            self._pieces = tf.constant(pieces)

    def node(self, prefix: str) -> int | None:
        """The node for these characters; None if no piece begins with them."""
        return self._nodes.get(prefix)

    def step(self, nodes: tf.Tensor, letters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Advance by one character each, both int32 [n].

        Returns which of the n can advance, their new nodes, and the ids of the pieces that end
        there (-1: none): int32 [able] each.
        """
        keys = tf.cast(nodes, tf.int64) * _LETTERS + tf.cast(letters, tf.int64)
        edge = tf.minimum(tf.searchsorted(self._keys, keys), tf.size(self._keys) - 1)
        able = tf.cast(tf.where(tf.gather(self._keys, edge) == keys)[:, 0], tf.int32)
        arrived = tf.gather(edge, able) + 1
        return able, arrived, tf.gather(self._pieces, arrived)


def reached(origins: tf.Tensor, following: tf.Tensor) -> tf.Tensor:
    """All positions on the chains that begin at `origins`, ascending, int32.

    following: int32 [n], the next position of each; n at the end of a chain.
    """
    count = tf.size(following)
    following = tf.concat([following, [count]], axis=0)
    found = mark(tf.zeros([count + 1], tf.bool), origins)

    # After each step: the positions reached in up to 1, 3, 7, ... jumps.
    def step(found: tf.Tensor, following: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        further = tf.gather(following, tf.where(found)[:, 0])
        return mark(found, further), tf.gather(following, following)

    found, _ = tf.while_loop(
        lambda _, following: tf.reduce_any(following != count), step, (found, following)
    )
    return tf.cast(tf.where(found[:count])[:, 0], tf.int32)


def _edges(ids: dict[str, int]) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Edges as sorted keys (node, then character), the i-th leading to node i + 1; the piece
    at each node, or -1; the number of each prefix.
    """
    children: dict[str, list[str]] = {}
    for prefix in {piece[:size] for piece in ids for size in range(1, len(piece) + 1)}:
        children.setdefault(prefix[:-1], []).append(prefix)
    nodes = {"": 0}
    keys: list[int] = []
    level = [""]
    while level:
        level = [child for prefix in level for child in sorted(children.get(prefix, ()))]
        for child in level:
            nodes[child] = len(nodes)
            keys.append(nodes[child[:-1]] * _LETTERS + ord(child[-1]))
    pieces = [ids.get(prefix, -1) for prefix in nodes]
    return np.array(keys or [-1], np.int64), np.array(pieces, np.int32), nodes
