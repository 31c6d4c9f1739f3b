"""BERT's WordPiece inside a TensorFlow graph: strings to pieces, each with its span.

The words come from `graph_characters`. The longest matching piece is searched at every character
at once, then the pieces of each word are linked from its first character on. It runs in plain
TensorFlow, without tensorflow-text.
"""

import json

import tensorflow as tf

from nightloom.errors import InputError
from nightloom.text.graph_added import added_tokens
from nightloom.text.graph_characters import CharacterMap
from nightloom.text.graph_rows import mark, pick, put, row_ids, splits_by_row
from nightloom.text.graph_tables import bert_table
from nightloom.text.graph_trie import Trie, reached
from nightloom.text.graph_words import Pieces, cut_words, normalizer_parts, split_words
from nightloom.text.spec import Part

_BY_CHARACTER = {"BertNormalizer", "Lowercase", "StripAccents"}
_DECOMPOSITION = {"NFD", "NFKD"}


class WordPiece(tf.Module):
    """The pieces of a fast WordPiece tokenizer, without special tokens."""

    def __init__(self, spec: Part, *, size: int) -> None:
        """`spec` is the content of tokenizer.json, `size` one more than the highest id.

        Raises:
            InputError: the normaliser or pre-tokenizer is not BERT's.
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
        self._map = CharacterMap(table, raw=raw, mapped=mapped)
        self._cut = LongestFirst(
            model["vocab"],
            unknown=model["vocab"][model["unk_token"]],
            prefix=model["continuing_subword_prefix"],
            longest=model["max_input_chars_per_word"],
        )

    def __call__(self, texts: tf.Tensor, *, spans: bool = False) -> Pieces:
        """string [n] → pieces; with spans on request."""
        return cut_words(split_words(*self._map(texts)), self._cut, spans=spans)


class LongestFirst(tf.Module):
    """Words as code points → the longest matching pieces, greedily from the left.

    A word is one unknown piece if nothing matches somewhere, or if it has more than `longest`
    characters.
    """

    def __init__(
        self, vocabulary: dict[str, int], *, unknown: int, prefix: str, longest: int
    ) -> None:
        super().__init__()
        self._trie = Trie(vocabulary)
        self._unknown, self._longest = unknown, longest
        self._inside = self._trie.node(prefix)

    def __call__(self, words: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """int32 [n, (characters)], none empty → ids and sizes in characters, [n, (pieces)]."""
        splits = tf.cast(words.row_splits, tf.int32)
        starts, word = splits[:-1], row_ids(splits)
        limits = tf.gather(splits[1:], word)
        ids, sizes = self._fitting(words.flat_values, starts, limits)
        at = tf.range(tf.size(sizes))
        following = tf.where((sizes == 0) | (at + sizes >= limits), tf.size(at), at + sizes)
        begins = reached(starts, following)
        owner = tf.gather(word, begins)
        lengths = splits[1:] - starts
        bad = mark(lengths > self._longest, pick(owner, tf.gather(sizes, begins) == 0))
        # Of an unknown word, only the first position is kept.
        left = ~tf.gather(bad, owner) | (begins == tf.gather(starts, owner))
        begins, owner = pick(begins, left), pick(owner, left)
        whole = tf.gather(bad, owner)
        ids = tf.where(whole, self._unknown, tf.gather(ids, begins))
        sizes = tf.where(whole, tf.gather(lengths, owner), tf.gather(sizes, begins))
        row_splits = splits_by_row(owner, tf.size(starts))
        return (
            tf.RaggedTensor.from_row_splits(ids, row_splits, validate=False),
            tf.RaggedTensor.from_row_splits(sizes, row_splits, validate=False),
        )

    def _fitting(
        self, codes: tf.Tensor, starts: tf.Tensor, limits: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Id and size of the longest piece that matches at each character; size 0: none.

        starts: where words begin; limits: for every character, where its word ends.
        """
        at = tf.range(tf.size(codes))
        inside = -1 if self._inside is None else self._inside
        node = put(tf.fill(tf.shape(at), inside), starts, tf.zeros_like(starts))

        def step(
            k: tf.Tensor, at: tf.Tensor, node: tf.Tensor, ids: tf.Tensor, sizes: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            within = tf.where(at + k < tf.gather(limits, at))[:, 0]
            at, node = tf.gather(at, within), tf.gather(node, within)
            able, node, pieces = self._trie.step(node, tf.gather(codes, at + k))
            at = tf.gather(at, able)
            hits = tf.where(pieces >= 0)[:, 0]
            here = tf.gather(at, hits)
            ids = put(ids, here, tf.gather(pieces, hits))
            return k + 1, at, node, ids, put(sizes, here, tf.fill(tf.shape(here), k + 1))

        some = tf.TensorShape([None])
        *_, ids, sizes = tf.while_loop(
            lambda k, at, *_: tf.size(at) > 0,
            step,
            (0, at, node, tf.zeros_like(at), tf.zeros_like(at)),
            shape_invariants=(tf.TensorShape([]), some, some, some, some),
        )
        return ids, sizes


def check_normalizer(normalizer: Part | None) -> None:
    """Raise InputError unless it treats every character separately."""
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
