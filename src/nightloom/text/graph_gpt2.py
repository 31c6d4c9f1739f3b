"""GPT-2's pattern for words (byte-level BPE) inside a TensorFlow graph.

TensorFlow's regular expressions have no look-ahead, so the pattern is implemented as rules on the
kinds of adjacent characters.
"""

import tensorflow as tf

from nightloom.text.graph_characters import Characters
from nightloom.text.graph_rows import pick, put, row_ids, splits_by_row, splits_of
from nightloom.text.graph_tables import LETTER, OTHER, SPACE
from nightloom.text.graph_words import Words


def _segments(characters: Characters) -> tf.Tensor:
    """True where a run of text begins: at each string, at and after each added token."""
    forced = characters.forced >= 0
    begins = forced[1:] | forced[:-1] | (characters.rows[1:] != characters.rows[:-1])
    return tf.concat([tf.ones_like(forced[:1]), begins], 0)


def prefix_spaces(characters: Characters) -> Characters:
    """Add a space before each run of text without one; its span is the next character's."""
    lacks = _segments(characters) & (characters.forced < 0) & (characters.codes != ord(" "))
    counts = 1 + tf.cast(lacks, tf.int32)
    splits = splits_of(counts)
    source = row_ids(splits)
    wide = Characters(*(tf.gather(part, source) for part in characters))
    at = pick(splits[:-1], lacks)
    codes = put(wide.codes, at, tf.fill(tf.shape(at), ord(" ")))
    return wide._replace(codes=codes, kinds=put(wide.kinds, at, tf.fill(tf.shape(at), SPACE)))


def gpt2_words(characters: Characters, rows: tf.Tensor) -> Words:
    """GPT-2's pattern: contractions, then letters, digits or others with a space before them."""
    codes = characters.codes
    # Beyond the ends there are spaces, each a run of its own.
    kinds = tf.concat([[SPACE], characters.kinds, [SPACE] * 3], 0)
    codes = tf.concat([[-2], codes, [-2] * 3], 0)
    opens = tf.concat([[True], _segments(characters), [True] * 3], 0)
    count = tf.size(characters.codes)

    def at(tensor: tf.Tensor, distance: int) -> tf.Tensor:
        return tensor[1 + distance : 1 + distance + count]

    space, before_space = at(kinds, 0) == SPACE, at(kinds, -1) == SPACE
    followed = ~at(opens, 1) & (at(kinds, 1) != SPACE)
    begins_space = ~before_space | followed
    begins_other = (before_space & (at(codes, -1) != ord(" "))) | (
        ~before_space & (at(kinds, -1) != at(kinds, 0))
    )
    quote = at(codes, 0) == ord("'")
    quote &= at(opens, 0) | ((at(codes, -1) != ord(" ")) & (at(kinds, -1) != OTHER))

    def follows(*letters: str) -> tf.Tensor:
        found = tf.constant(True)
        for i, letter in enumerate(letters, start=1):
            found &= (at(codes, i) == ord(letter)) & ~at(opens, i)
        return found

    short = follows("s") | follows("t") | follows("m") | follows("d")
    long = follows("r", "e") | follows("v", "e") | follows("l", "l")
    short, long = quote & short, quote & long
    behind = tf.concat([[False] * 3, short | long], 0)
    inside = behind[2 : 2 + count]
    resumes = tf.concat([[False] * 2, short], 0)[:count] | tf.concat([[False] * 3, long], 0)[:count]
    resumes &= (at(kinds, 0) == LETTER) & ~at(opens, 0)
    begins = tf.where(space, begins_space, (begins_other & ~inside) | resumes) | at(opens, 0)
    first = tf.where(begins)[:, 0]
    splits = tf.concat([first, [tf.cast(count, tf.int64)]], 0)
    return Words(characters, splits, splits_by_row(tf.gather(characters.rows, first), rows))
