"""BERT's WordPiece inside a TensorFlow graph: strings to pieces, each with its span.

The words come from `graph_characters`; cutting them into pieces is tensorflow-text's
`FastWordpieceTokenizer` (Song et al., "Fast WordPiece Tokenization", 2021).
"""

import json
from typing import Any

import tensorflow as tf
import tensorflow_text as tf_text

from nightloom.errors import InputError
from nightloom.text.graph_characters import CharacterMap, bert_table
from nightloom.text.graph_words import (
    Pieces,
    added_tokens,
    normalizer_parts,
    piece_spans,
    split_words,
)

_BY_CHARACTER = {"BertNormalizer", "Lowercase", "StripAccents"}
_DECOMPOSITION = {"NFD", "NFKD"}


class WordPiece(tf.Module):
    """The pieces that a fast WordPiece tokenizer gives, without special tokens."""

    def __init__(self, spec: dict[str, Any], *, size: int) -> None:
        """`spec` is the content of tokenizer.json, `size` one more than the highest id.

        Raises:
            InputError: a normaliser or a rule for splitting that is not BERT's.
        """
        super().__init__()
        normalizer, splitter = spec["normalizer"], spec["pre_tokenizer"]
        check_normalizer(normalizer)
        if not splitter or splitter["type"] != "BertPreTokenizer":
            name = splitter["type"] if splitter else None
            raise InputError(f"expected the pre-tokenizer BertPreTokenizer, got {name}")
        model = spec["model"]
        table = bert_table(json.dumps(normalizer), json.dumps(splitter))
        raw, mapped = added_tokens(spec["added_tokens"], normalizer)
        # Holes in the numbering, and tokens that are only ever added ones, match no text.
        vocabulary = [f"\x00{i}" for i in range(size)]
        for piece, i in model["vocab"].items():
            vocabulary[i] = piece
        self._unknown = model["unk_token"]
        self._unknown_id = vocabulary.index(self._unknown)
        self._longest = model["max_input_chars_per_word"]
        self._map = CharacterMap(table, raw=raw, mapped=mapped)
        self._pieces = tf_text.FastWordpieceTokenizer(
            vocabulary,
            suffix_indicator=model["continuing_subword_prefix"],
            max_bytes_per_word=4 * self._longest,
            token_out_type=tf.int32,
            unknown_token=self._unknown,
            no_pretokenization=True,
        )

    def __call__(self, texts: tf.Tensor, *, spans: bool = False) -> Pieces:
        """string [n] → pieces; their spans where asked for."""
        words = split_words(*self._map(texts))
        characters = words.characters
        first = words.splits[:-1]
        forced = tf.gather(characters.forced, first)
        too_long = words.splits[1:] - first > self._longest
        forced = tf.where(too_long, self._unknown_id, forced)
        letters = tf.where(characters.codes < 0, ord("?"), characters.codes)
        strings = tf.strings.unicode_encode(
            tf.RaggedTensor.from_row_splits(letters, words.splits, validate=False), "UTF-8"
        )
        whole = forced >= 0
        strings = tf.cond(
            tf.reduce_any(whole),
            lambda: tf.where(whole, self._unknown, strings),
            lambda: strings,
        )
        if not spans:
            pieces = self._pieces.tokenize(strings)
            ids = _force(pieces, forced)
            return Pieces(ids, tf.gather(pieces.row_splits, words.row_splits), None, None)
        pieces, byte_starts, byte_ends = self._pieces.tokenize_with_offsets(strings)
        ids = _force(pieces, forced)
        starts, ends = piece_spans(words, pieces, byte_starts.flat_values, byte_ends.flat_values, whole)
        return Pieces(ids, tf.gather(pieces.row_splits, words.row_splits), starts, ends)


def _force(pieces: tf.RaggedTensor, forced: tf.Tensor) -> tf.Tensor:
    of_piece = tf.repeat(forced, pieces.row_lengths())
    return tf.where(of_piece >= 0, of_piece, pieces.flat_values)


def check_normalizer(normalizer: dict[str, Any] | None) -> None:
    """Raise InputError unless it treats every character on its own."""
    parts = normalizer_parts(normalizer)
    names = [part["type"] for part in parts]
    strange = [name for name in names if name not in _BY_CHARACTER | _DECOMPOSITION]
    if set(names) & _DECOMPOSITION and "StripAccents" not in names:
        strange += sorted(set(names) & _DECOMPOSITION)
    if strange:
        raise InputError(
            f"expected a normaliser that works character by character "
            f"({', '.join(sorted(_BY_CHARACTER))}), got {', '.join(strange)}"
        )
