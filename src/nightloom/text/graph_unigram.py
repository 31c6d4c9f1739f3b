"""The unigram model of SentencePiece, as ALBERT uses it, inside a TensorFlow graph.

ALBERT's normaliser works on single characters except for two quotation marks, so the words come
from `graph_characters`. The best segmentation of a word is `graph_lattice`'s: SentencePiece's own
operation adds scores in single precision, the fast tokenizer in double, so they may resolve ties
(`00|0` and `0|00`) differently.

If the normaliser's own table (`Precompiled`) drops characters at the very start of a text or after
an added token, the fast tokenizer's offsets are too small by that many; those here refer to the
original string.
"""

import json

import tensorflow as tf

from nightloom.errors import InputError
from nightloom.text.graph_added import added_tokens
from nightloom.text.graph_characters import CharacterMap, Characters
from nightloom.text.graph_lattice import Lattice
from nightloom.text.graph_rows import pick, put, row_ids, splits_of
from nightloom.text.graph_tables import SPACE, bert_table
from nightloom.text.graph_words import Pieces, cut_words, normalizer_parts, split_words
from nightloom.text.spec import Part

MARK = "\u2581"  # replaces the white space before a word
_BY_CHARACTER = {"NFKD", "NFD", "StripAccents", "Lowercase", "Precompiled"}
_QUOTES = ("``", "''")


class Unigram(tf.Module):
    """The pieces of a fast ALBERT tokenizer, without special tokens."""

    def __init__(self, spec: Part, *, size: int) -> None:
        """`spec` is the content of tokenizer.json, `size` one more than the highest id.

        Raises:
            InputError: the normaliser or pre-tokenizer is not (uncased) ALBERT's.
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
        table = bert_table(json.dumps(rest), json.dumps({"type": "WhitespaceSplit"}))
        joined = dict.fromkeys(_QUOTES, '"') if self._quotes else {}
        self._map = CharacterMap(table, raw=raw, mapped=mapped, joined=joined)
        self._lattice = Lattice(model["vocab"], model["unk_id"])

    def __call__(self, texts: tf.Tensor, *, spans: bool = False) -> Pieces:
        """string [n] → pieces; with spans on request."""
        words = split_words(*_marked(*self._map(texts)))
        return cut_words(words, self._lattice, spans=spans)


def _marked(characters: Characters, rows: tf.Tensor) -> tuple[Characters, tf.Tensor]:
    """Put MARK before each word without one, and white space before each MARK to end words."""
    mark = ord(MARK)
    kinds = tf.concat([[SPACE], characters.kinds[:-1]], 0)
    first = (kinds == SPACE) | (characters.forced >= 0)
    row = tf.concat([[-1], characters.rows[:-1]], 0)
    behind = tf.concat([[False], characters.forced[:-1] >= 0], 0)
    first |= (row != characters.rows) | behind | (characters.codes == mark)
    first &= (characters.kinds != SPACE) & (characters.forced < 0)
    counts = 1 + tf.cast(first, tf.int32) * (1 + tf.cast(characters.codes != mark, tf.int32))
    splits = splits_of(counts)
    source = row_ids(splits)
    wide = Characters(*(tf.gather(part, source) for part in characters))
    at = pick(splits[:-1], first)
    lacking = pick(at, pick(characters.codes, first) != mark) + 1
    kinds = put(wide.kinds, at, tf.fill(tf.shape(at), SPACE))
    codes = put(wide.codes, lacking, tf.fill(tf.shape(lacking), mark))
    return wide._replace(kinds=kinds, codes=codes), rows


def _normalizer(normalizer: Part | None) -> tuple[Part | None, bool]:
    """The steps without the replacement of quotes, and whether quotes are replaced."""
    parts = normalizer_parts(normalizer)
    replaced = [part for part in parts if part["type"] == "Replace"]
    rest = [part for part in parts if part["type"] != "Replace"]
    names = [part["type"] for part in rest]
    found = tuple(part["pattern"].get("String") for part in replaced)
    strange = [name for name in names if name not in _BY_CHARACTER]
    if found not in ((), _QUOTES) or replaced != parts[: len(replaced)]:
        strange.append("Replace")
    # With accents kept, the table `Precompiled` maps several characters at once.
    if names and "StripAccents" not in names[: [*names, "Precompiled"].index("Precompiled")]:
        strange = strange or names
    if strange:
        raise InputError(
            "expected a unigram model's normaliser that drops accents first (uncased ALBERT's), "
            f"got {', '.join(strange)}"
        )
    return ({"type": "Sequence", "normalizers": rest} if rest else None), bool(replaced)
