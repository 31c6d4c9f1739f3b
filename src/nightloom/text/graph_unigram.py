"""SentencePiece's unigram model, as ALBERT uses it, inside a TensorFlow graph.

ALBERT's normaliser works on single characters but for two quotation marks, so the words come from
`graph_characters`; the best cut of a word is tensorflow-text's `SentencepieceTokenizer`, given the
vocabulary and the scores of the fast tokenizer and no normaliser of its own.

One difference is left. SentencePiece adds scores in single precision, the fast tokenizer in
double: where two cuts of a word have the same score (`00|0` and `0|00`), each may take another.
Some 4 in 7,600 news texts have such a word. Spans may differ by one where control characters are
dropped before a character.
"""

import json
import struct
from typing import Any

import tensorflow as tf
import tensorflow_text as tf_text

from nightloom.errors import InputError
from nightloom.text.graph_characters import (
    SPACE,
    CharacterMap,
    Characters,
    bert_table,
)
from nightloom.text.graph_words import (
    Pieces,
    added_tokens,
    normalizer_parts,
    piece_spans,
    split_words,
)

MARK = "\u2581"  # stands for the white space before a word
_BY_CHARACTER = {"NFKD", "NFD", "StripAccents", "Lowercase", "Precompiled"}
_QUOTES = ("``", "''")
_NORMAL, _UNKNOWN = 1, 2  # types of pieces in SentencePiece's ModelProto


class Unigram(tf.Module):
    """The pieces that a fast ALBERT tokenizer gives, without special tokens."""

    def __init__(self, spec: dict[str, Any], *, size: int) -> None:
        """`spec` is the content of tokenizer.json, `size` one more than the highest id.

        Raises:
            InputError: a normaliser or a rule for splitting that is not (uncased) ALBERT's.
        """
        super().__init__()
        rest, self._quotes = _normalizer(spec["normalizer"])
        splitters = (spec["pre_tokenizer"] or {}).get("pretokenizers", [])
        names = [part["type"] for part in splitters]
        if names != ["WhitespaceSplit", "Metaspace"] or splitters[1]["prepend_scheme"] != "always":
            raise InputError(f"expected ALBERT's WhitespaceSplit and Metaspace, got {names}")
        model = spec["model"]
        if model.get("byte_fallback"):
            raise InputError("expected a unigram model without byte_fallback, got one with it")
        raw, mapped = added_tokens(spec["added_tokens"], rest)
        self._unknown_id = model["unk_id"]
        table = bert_table(json.dumps(rest), json.dumps({"type": "WhitespaceSplit"}))
        joined = list(_QUOTES) if self._quotes else []
        self._map = CharacterMap(table, raw=raw, mapped=mapped, joined={j: '"' for j in joined})
        self._model = tf_text.SentencepieceTokenizer(
            model_proto(model["vocab"], model["unk_id"]), out_type=tf.int32
        )

    def __call__(self, texts: tf.Tensor, *, spans: bool = False) -> Pieces:
        """string [n] → pieces; their spans where asked for."""
        words = split_words(*_marked(*self._map(texts)))
        characters = words.characters
        letters = tf.where(characters.codes < 0, ord(MARK), characters.codes)
        strings = tf.strings.unicode_encode(
            tf.RaggedTensor.from_row_splits(letters, words.splits, validate=False), "UTF-8"
        )
        forced = tf.gather(characters.forced, words.splits[:-1])
        distinct, number = tf.unique(strings)
        cut, starts, ends = self._model.tokenize_with_offsets(distinct)
        # An added token is one piece, whatever the model makes of what stands in its place.
        whole = forced >= 0
        pieces = tf.gather(cut, number)
        kept = ~tf.repeat(whole, pieces.row_lengths()) | (
            tf.range(tf.size(pieces.flat_values, tf.int64))
            == tf.repeat(pieces.row_starts(), pieces.row_lengths())
        )
        lengths = tf.where(whole, tf.ones([], tf.int64), pieces.row_lengths())
        of_word = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(pieces.flat_values, kept), lengths, validate=False
        )
        of_piece = tf.repeat(forced, lengths)
        ids = tf.where(of_piece >= 0, of_piece, of_word.flat_values)
        row_splits = tf.gather(of_word.row_splits, words.row_splits)
        if not spans:
            return Pieces(ids, row_splits, None, None)
        byte_starts, byte_ends = (
            tf.boolean_mask(tf.gather(part, number).flat_values, kept) for part in (starts, ends)
        )
        return Pieces(ids, row_splits, *piece_spans(words, of_word, byte_starts, byte_ends, whole))


def _marked(characters: Characters, rows: tf.Tensor) -> tuple[Characters, tf.Tensor]:
    """Put MARK before each word that has none; white space before each MARK, so words end there."""
    mark = ord(MARK)
    kinds = tf.concat([[SPACE], characters.kinds[:-1]], 0)
    first = (kinds == SPACE) | (characters.forced >= 0)
    row = tf.concat([[-1], characters.rows[:-1]], 0)
    behind = tf.concat([[False], characters.forced[:-1] >= 0], 0)
    first |= (row != characters.rows) | behind | (characters.codes == mark)
    first &= (characters.kinds != SPACE) & (characters.forced < 0)
    counts = 1 + tf.cast(first, tf.int32) * (1 + tf.cast(characters.codes != mark, tf.int32))
    wide = Characters(*(tf.repeat(part, counts) for part in characters))
    at = tf.boolean_mask(tf.cumsum(counts, exclusive=True), first)[:, None]
    lacking = tf.boolean_mask(at, tf.boolean_mask(characters.codes, first) != mark) + 1
    kinds = tf.tensor_scatter_nd_update(wide.kinds, at, tf.fill(tf.shape(at)[:1], SPACE))
    codes = tf.tensor_scatter_nd_update(wide.codes, lacking, tf.fill(tf.shape(lacking)[:1], mark))
    return wide._replace(kinds=kinds, codes=codes), rows


def _normalizer(normalizer: dict[str, Any] | None) -> tuple[dict[str, Any] | None, bool]:
    """The steps without the replacement of quotes, and whether quotes are replaced."""
    parts = normalizer_parts(normalizer)
    replaced = [part for part in parts if part["type"] == "Replace"]
    rest = [part for part in parts if part["type"] != "Replace"]
    names = [part["type"] for part in rest]
    found = tuple(part["pattern"].get("String") for part in replaced)
    strange = [name for name in names if name not in _BY_CHARACTER]
    if found not in ((), _QUOTES) or replaced != parts[: len(replaced)]:
        strange.append("Replace")
    if names and "StripAccents" not in names:
        strange.append("keep_accents")
    if strange:
        raise InputError(f"expected ALBERT's normaliser without accents, got {', '.join(strange)}")
    return ({"type": "Sequence", "normalizers": rest} if rest else None), bool(replaced)


def model_proto(vocabulary: list[list[Any]], unknown: int) -> bytes:
    """A SentencePiece model file (Protocol Buffers, `sentencepiece_model.proto`).

    Every piece is a normal one with its score, but for the unknown piece; no normalisation.
    """

    def field(number: int, content: bytes) -> bytes:
        return _varint(number << 3 | 2) + _varint(len(content)) + content

    def number(field_number: int, value: int) -> bytes:
        return _varint(field_number << 3) + _varint(value)

    pieces = b"".join(
        field(
            1,
            field(1, piece.encode())
            + _varint(2 << 3 | 5)
            + struct.pack("<f", score)
            + number(3, _UNKNOWN if i == unknown else _NORMAL),
        )
        for i, (piece, score) in enumerate(vocabulary)
    )
    trainer = field(2, number(3, 1))  # a unigram model
    plain = field(3, field(1, b"identity") + number(3, 0) + number(4, 0) + number(5, 1))
    return pieces + trainer + plain


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
