"""Added tokens in a TensorFlow graph: strings that are one token wherever they occur."""

import json
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nightloom.errors import InputError
from nightloom.text.graph_rows import mark, pick, put, splits_of, spread
from nightloom.text.graph_tables import library_parts
from nightloom.text.spec import Part

WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""The characters with Unicode's White_Space property."""


class AddedToken(NamedTuple):
    """A string that is one token wherever it occurs, before any other rule."""

    codes: tuple[int, ...]
    id: int
    strip_left: bool  # absorbs the white space before it
    strip_right: bool


def added_tokens(
    added: list[Part], normalizer: Part | None
) -> tuple[list[AddedToken], list[AddedToken]]:
    """Those found in the original text, and those found after normalising.

    Raises:
        InputError: tokens that must be whole words, or that are found after normalising and absorb
            white space.
    """
    steps = library_parts(normalizer=json.dumps(normalizer)).normalizer
    raw: list[AddedToken] = []
    mapped: list[AddedToken] = []
    for token in added:
        content, strips = token["content"], token["lstrip"] or token["rstrip"]
        if token["single_word"]:
            raise InputError(f"the added token {content!r} must be a single word: not supported")
        late = token["normalized"] and normalizer is not None
        if late and strips:
            raise InputError(
                f"the added token {content!r} is normalised and strips white space: not supported"
            )
        if late:
            content = steps.normalize_str(content)
        if content:
            codes = tuple(map(ord, content))
            entry = AddedToken(codes, token["id"], token["lstrip"], token["rstrip"])
            (mapped if late else raw).append(entry)
    return raw, mapped


class Found(NamedTuple):
    """Where added tokens occur, int32; positions count the characters of all strings."""

    at: tf.Tensor  # [found], the first character
    ids: tf.Tensor  # [found]
    lengths: tf.Tensor  # [found], in characters
    taken: tf.Tensor  # every character of every token found


def find(codes: tf.Tensor, rows: tf.Tensor, tokens: list[AddedToken]) -> Found:
    """The leftmost-longest non-overlapping tokens, none across two strings."""
    longest = max(len(token.codes) for token in tokens)
    codes = tf.concat([codes, tf.fill([longest], -2)], axis=0)
    rows = tf.concat([rows, tf.fill([longest], -2)], axis=0)
    found: list[list[tf.Tensor]] = []
    for first in sorted({token.codes[0] for token in tokens}):
        at = tf.cast(tf.where(codes == first)[:, 0], tf.int32)
        ids = tf.fill(tf.shape(at), -1)
        lengths = tf.zeros_like(at)
        same_first = [token for token in tokens if token.codes[0] == first]
        for token in sorted(same_first, key=lambda token: len(token.codes)):
            window = at[:, None] + tf.range(len(token.codes))
            equal = tf.reduce_all(tf.gather(codes, window) == np.array(token.codes), axis=1)
            equal &= tf.gather(rows, window[:, -1]) == tf.gather(rows, at)
            ids = tf.where(equal, token.id, ids)
            lengths = tf.where(equal, len(token.codes), lengths)
        hits = tf.where(ids >= 0)[:, 0]
        found.append([tf.gather(part, hits) for part in (at, ids, lengths)])
    at, ids, lengths = (tf.concat(parts, axis=0) for parts in zip(*found, strict=True))
    if _can_overlap(tokens):
        kept = _leftmost(at, lengths)
        at, ids, lengths = (tf.gather(part, kept) for part in (at, ids, lengths))
    splits = splits_of(lengths)
    first_taken = spread(at - splits[:-1], splits)
    return Found(at, ids, lengths, first_taken + tf.range(tf.size(first_taken)))


def _can_overlap(tokens: list[AddedToken]) -> bool:
    firsts = {token.codes[0] for token in tokens}
    return any(firsts & set(token.codes[1:]) for token in tokens)


def _leftmost(at: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Which spans remain if, from the left, each excludes those that begin inside it."""
    order = tf.argsort(at, stable=True)

    def step(i: tf.Tensor, free: tf.Tensor, kept: tf.TensorArray) -> tuple[Any, ...]:
        place = at[order[i]]
        takes = place >= free
        return i + 1, tf.where(takes, place + lengths[order[i]], free), kept.write(i, takes)

    _, _, kept = tf.while_loop(
        lambda i, *_: i < tf.size(order),
        step,
        (0, 0, tf.TensorArray(tf.bool, tf.size(order))),
    )
    return pick(order, tf.ensure_shape(kept.stack(), [None]))


class Placed(NamedTuple):
    """Added tokens in the original text, as tensors over all its characters."""

    ids: tf.Tensor  # int32, at the first character of each token; -1 elsewhere
    starts: tf.Tensor  # int32, the token's span with the white space it absorbs
    ends: tf.Tensor
    margins: tf.Tensor  # int32, how much of that white space is in front
    taken: tf.Tensor  # bool, the characters consumed


def place(codes: tf.Tensor, rows: tf.Tensor, starts: tf.Tensor, tokens: list[AddedToken]) -> Placed:
    """Find tokens in the original text; `starts` is each character's position in its row."""
    at, ids, lengths, inside = find(codes, rows, tokens)
    taken = mark(tf.zeros_like(codes, tf.bool), inside)
    first = tf.gather(starts, at)
    margins, last = tf.zeros_like(at), first + lengths
    if any(token.strip_left or token.strip_right for token in tokens):
        runs = Runs.of(_is_white(codes) & ~taken, rows)
        counts, has = runs.after(at + lengths)
        has &= _is_one_of(ids, [token.id for token in tokens if token.strip_right])
        last += tf.where(has, counts, 0)
        used = runs.at(pick(at + lengths, has))
        counts, has = runs.before(at)
        has &= _is_one_of(ids, [token.id for token in tokens if token.strip_left])
        # White space between two tokens goes to the one before it.
        has &= ~tf.gather(used, tf.maximum(at - 1, 0))
        margins = tf.where(has, counts, 0)
        taken |= used | runs.at(pick(at - 1, has))
    nowhere = tf.fill(tf.shape(codes), -1)
    return Placed(
        ids=put(nowhere, at, ids),
        starts=put(nowhere, at, first - margins),
        ends=put(nowhere, at, last),
        margins=put(nowhere, at, margins),
        taken=taken,
    )


def _is_white(codes: tf.Tensor) -> tf.Tensor:
    return _is_one_of(codes, [ord(character) for character in WHITE_SPACE])


def _is_one_of(values: tf.Tensor, wanted: list[int]) -> tf.Tensor:
    return tf.reduce_any(values[:, None] == np.array(wanted, np.int32), axis=1)


class Runs(NamedTuple):
    """Runs of marked and of unmarked characters, none across two strings."""

    marked: tf.Tensor  # bool [characters]
    rows: tf.Tensor  # int32 [characters]
    number: tf.Tensor  # int32 [characters], the run of each
    first: tf.Tensor  # int32 [runs + 1], where each begins

    @classmethod
    def of(cls, marked: tf.Tensor, rows: tf.Tensor) -> "Runs":
        """Cut where the mark or the row changes."""
        change = (marked[1:] != marked[:-1]) | (rows[1:] != rows[:-1])
        change = tf.concat([tf.ones_like(marked[:1]), change], axis=0)
        first = tf.cast(tf.where(change)[:, 0], tf.int32)
        number = tf.cumsum(tf.cast(change, tf.int32)) - 1
        return cls(marked, rows, number, tf.concat([first, [tf.size(marked)]], axis=0))

    def before(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The length of the marked run before each position, and whether there is one."""
        left = tf.maximum(places - 1, 0)
        has = (places > 0) & tf.gather(self.marked, left)
        has &= tf.gather(self.rows, left) == tf.gather(self.rows, places)
        return places - tf.gather(self.first, tf.gather(self.number, left)), has

    def after(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The length of the marked run from each position on, and whether there is one."""
        inside = tf.minimum(places, tf.size(self.marked) - 1)
        has = (places < tf.size(self.marked)) & tf.gather(self.marked, inside)
        has &= tf.gather(self.rows, inside) == tf.gather(self.rows, places - 1)
        return tf.gather(self.first, tf.gather(self.number, inside) + 1) - places, has

    def at(self, places: tf.Tensor) -> tf.Tensor:
        """True at every character of the runs that contain these positions."""
        numbers = tf.gather(self.number, places)
        flags = tf.zeros([tf.size(self.first)], tf.bool)
        return tf.gather(mark(flags, numbers), self.number)
