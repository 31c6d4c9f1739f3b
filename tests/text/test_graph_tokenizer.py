"""Tokenizers inside a TensorFlow graph give what the fast tokenizers give."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AddedToken, BertTokenizer, PreTrainedTokenizerFast, RobertaTokenizer

from nightloom.errors import InputError
from nightloom.text.graph_tokenizer import GraphTokenizer, load_fast
from tests.text.charsmap import charsmap
from tests.text.tiny_tokenizers import KINDS, REPLACED, WORDS, tiny

LENGTH = 4096
SPECIALS = [(token, 0.0) for token in ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")]

HOSTILE = [
    "",
    " ",
    " \t\r\n\v\f\x85\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000 ",
    "two  spaces   and\ttabs\n\nlines\r\n",
    "\x00 \x01 a\x00b \x07\x1b[0m \x7f\x9f \u00ad \u200b \u200c \u200d \u2060 \ufeff \ufffd",
    "e\u0301 A\u030angstro\u0308m \u0301alone \u0345 \u0e33 n\u0303\u0303 \u0fb3 q\u0323\u0307",
    "İstanbul ΑΣ ΑΣΑ ς ß ẞ ﬁ ŉ ǰ ſ ᾳ ㎏ ½ ² № ™ Ǆ",
    "東京は日本\u3042か\u3099が字 𠀀 \U0002f800 한국어 \u1112\u1161\u11ab ㅎㅏㄴ ไทยำ कि",
    "👍 👍🏽 👩‍👩‍👧 🏳️‍🌈 🇩🇪 1️⃣ \ufe0f \U000e0041",
    "\ud7ff \ue000 \ufdd0 \uffff \U0001ffff \U0010ffff \U000e0001 \U0003abcd",
    "it's IT'S 's'S they'll''ve 'd'm we're' 't 'lling ' ''s",
    "``tex'' ''' ```` '' ' ` \" ``",
    "▁ ▁a a▁b ▁▁ Ġ ##e ## # ĠĠ",
    "[UNK][MASK] [CLS]a[SEP] [mask] <mask><mask>  <mask>  </s>x<s> <unk> <pad>[PAD",
    "New York new  york NEW YORKs ÑANDÚ n\u0303andu\u0301 nandunandu",
    "a  @user  @user@user  <url>  <url>@user<ur <url> <url>",
    "x" * 100 + " " + "x" * 101 + " " + "e" * 100 + " " + "e" * 101 + " 東" + "the" * 500,
    "state-of-the-art 0 00 000 0000 12.5% $300 &lt;b&gt; #39;s (AP) -- U.S. a.b,c;d",
]

TEXTS = st.lists(
    st.one_of(
        st.sampled_from([piece for text in HOSTILE for piece in text.split(" ")] + WORDS),
        st.sampled_from([" ", "  ", "\n", "'", "''", "``", "\u3000", "\x00", "\u0301"]),
        st.characters(exclude_categories=["Cs"]),
        st.text(max_size=5),
    ),
    max_size=14,
).map("".join)


@cache
def compiled(kind: str) -> Any:
    """ids, starts and ends of a batch of texts, as lists."""
    graph = GraphTokenizer.from_fast(tiny(kind), LENGTH)
    call = tf.function(graph.with_spans, input_signature=[tf.TensorSpec([None], tf.string)])
    return lambda texts: [part.to_list() for part in call(tf.constant(texts, tf.string))]


def assert_equal(fast: PreTrainedTokenizerFast, texts: list[str], got: list[Any]) -> None:
    """The same ids and offsets, text by text."""
    expected = fast(texts, truncation=True, max_length=LENGTH, return_offsets_mapping=True)
    for i, text in enumerate(texts):
        ids, starts, ends = (part[i] for part in got)
        assert ids == expected["input_ids"][i], ascii(text)
        spans = list(zip(starts, ends, strict=True))
        assert spans == expected["offset_mapping"][i], ascii(text)


@pytest.mark.parametrize("kind", KINDS)
def test_ids_and_spans_of_hostile_texts_are_those_of_the_fast_tokenizer(kind: str) -> None:
    assert_equal(tiny(kind), HOSTILE, compiled(kind)(HOSTILE))
    for text in HOSTILE:
        assert_equal(tiny(kind), [text], compiled(kind)([text]))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=12))
def test_ids_and_spans_of_any_text_are_those_of_the_fast_tokenizer(
    kind: str, texts: list[str]
) -> None:
    assert_equal(tiny(kind), texts, compiled(kind)(texts))


@pytest.mark.parametrize("kind", ["bert", "distilbert_cased", "roberta", "albert"])
def test_every_unicode_character_is_treated_alike(kind: str) -> None:
    codes = [*range(1, 0xD800), *range(0xE000, 0x33480), *range(0xE0000, 0xE0200), 0x10FFFF]
    rows = [codes[i : i + 100] for i in range(0, len(codes), 100)]
    texts = ["".join(f"{chr(code)}a{chr(code)} " for code in row) for row in rows]
    assert_equal(tiny(kind), texts, compiled(kind)(texts))


def test_no_texts_give_no_rows() -> None:
    for kind in ("bert", "roberta", "albert"):
        graph = GraphTokenizer.from_fast(tiny(kind), LENGTH)
        assert graph(tf.constant([], tf.string)).shape[0] == 0
        assert [part.shape[0] for part in graph.with_spans(tf.constant([], tf.string))] == [0] * 3


def test_bytes_that_are_not_utf8_count_as_replacement_characters() -> None:
    graph = GraphTokenizer.from_fast(tiny("roberta"), LENGTH)
    assert graph([b"a\xff b"]).to_list() == [tiny("roberta")("a\ufffd b")["input_ids"]]


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert"])
@pytest.mark.parametrize("length", [3, 4, 7])
def test_texts_are_cut_to_the_length_with_their_special_tokens(kind: str, length: int) -> None:
    texts = [" ".join(WORDS), "a", ""]
    got = GraphTokenizer.from_fast(tiny(kind), length)(texts).to_list()
    assert got == tiny(kind)(texts, truncation=True, max_length=length)["input_ids"]
    assert len(got[0]) == length


def test_bare_pieces_are_not_cut_and_have_no_special_tokens() -> None:
    graph = GraphTokenizer.from_fast(tiny("bert"), 3)
    text = " ".join(WORDS)
    expected = tiny("bert")(text, add_special_tokens=False)["input_ids"]
    assert graph.bare([text, ""]).to_list() == [expected, []]


def test_special_tokens_are_known_by_name() -> None:
    graph = GraphTokenizer.from_fast(tiny("bert"), LENGTH)
    assert graph.special == {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
    assert (graph.before, graph.after) == ([2], [3])


def test_spans_behind_dropped_characters_index_the_original() -> None:
    """The fast tokenizer's own are one too small here (see graph_unigram)."""
    cls = type(tiny("albert"))
    fast = cls(
        vocab=[*SPECIALS, ("▁a", -1.0), ("b", -2.0), ("▁c", -2.0)],
        _spm_precompiled_charsmap=charsmap({"\x01": ""}),
    )
    text = "\x01ab \x01c"
    ids, starts, ends = GraphTokenizer.from_fast(fast, LENGTH).with_spans([text])
    assert ids.to_list() == [fast(text)["input_ids"]]
    spans = zip(starts.to_list()[0], ends.to_list()[0], strict=True)
    assert [text[start:end] for start, end in spans] == ["", "a", "b", "c", ""]


def test_characters_of_a_replacement_table_have_the_span_of_the_original() -> None:
    text = "ŒUVRE " + "".join(REPLACED) + " cœur"
    assert_equal(tiny("albert"), [text], compiled("albert")([text]))


def test_merges_that_make_an_earlier_pair_are_applied_one_by_one() -> None:
    letters = tiny("roberta").get_vocab()
    merges = [("b", "c"), ("abc", "ab"), ("a", "b"), ("ab", "c"), ("abcab", "c"), ("ab", "ab")]
    pieces = sorted({left + right for left, right in merges})
    vocab = dict(letters) | {p: len(letters) + i for i, p in enumerate(pieces) if p not in letters}
    fast = RobertaTokenizer(vocab=vocab, merges=merges)
    graph = GraphTokenizer.from_fast(fast, 300)
    texts = ["ababab", "abcabc", "aababcc", "abab" * 9, "cabcab" * 5 + "bc", "ababcab", "aaabbb"]
    assert graph(texts).to_list() == fast(texts)["input_ids"]


@settings(max_examples=40, deadline=None)
@given(words=st.lists(st.text("ab0", max_size=12), min_size=1, max_size=20))
def test_cuts_with_equal_scores_are_decided_as_the_fast_tokenizer_does(words: list[str]) -> None:
    fast, graph = _tied()
    assert graph(words).to_list() == fast(words)["input_ids"]


@cache
def _tied() -> Any:
    # Sums of these are equal in exact arithmetic, and not always in floating point.
    scores = {"▁": -0.3, "a": -0.1, "b": -0.2, "aa": -0.2, "ab": -0.3, "ba": -0.3, "aab": -0.4}
    scores |= {"▁a": -0.4, "aba": -0.4, "abab": -0.6, "bb": -0.4, "▁ab": -0.6, "bab": -0.5}
    fast = type(tiny("albert"))(vocab=[*SPECIALS, *scores.items()])
    graph = GraphTokenizer.from_fast(fast, 64)
    return fast, tf.function(graph, input_signature=[tf.TensorSpec([None], tf.string)])


def test_a_word_of_many_thousand_letters_is_cut_in_reasonable_time() -> None:
    texts = ["the" * 7000, "the cat", "the dog and " * 30_000]
    for kind in ("bert", "roberta", "albert"):
        assert_equal(tiny(kind), texts, compiled(kind)(texts))


def test_a_saved_tokenizer_gives_the_same(tmp_path: Path) -> None:
    """Ids without spans go through a SavedModel in the tests of the hub's pairs."""
    module = tf.Module()
    module.tokenizer = GraphTokenizer.from_fast(tiny("bert_added"), LENGTH)
    module.spans = tf.function(
        module.tokenizer.with_spans, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    got = [part.to_list() for part in loaded.spans(tf.constant(HOSTILE))]
    assert_equal(tiny("bert_added"), HOSTILE, got)


def test_a_directory_with_a_tokenizer_is_read(tmp_path: Path) -> None:
    tiny("roberta").save_pretrained(tmp_path)
    graph = GraphTokenizer.from_directory(tmp_path, LENGTH)
    assert graph(["the café <mask>"]).to_list() == [tiny("roberta")("the café <mask>")["input_ids"]]


def test_what_is_not_a_tokenizer_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none at"):
        load_fast(tmp_path / "missing")
    with pytest.raises(InputError, match="cannot read a tokenizer from"):
        load_fast(tmp_path)


def test_a_length_without_room_for_a_piece_is_refused() -> None:
    with pytest.raises(InputError, match="at least 3 tokens, got 2"):
        GraphTokenizer.from_fast(tiny("bert"), 2)


def _refused(fast: PreTrainedTokenizerFast, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        GraphTokenizer.from_fast(fast, LENGTH)


def test_tokenizers_that_cannot_be_put_into_a_graph_are_refused_by_name() -> None:
    words = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    _refused(PreTrainedTokenizerFast(tokenizer_object=words), "WordLevel cannot be put into a")
    metaspace = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    metaspace.pre_tokenizer = pre_tokenizers.Metaspace()
    _refused(PreTrainedTokenizerFast(tokenizer_object=metaspace), "pre-tokenizer ByteLevel, got")
    bare = Tokenizer(models.WordPiece({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    bare.pre_tokenizer = pre_tokenizers.Whitespace()
    _refused(PreTrainedTokenizerFast(tokenizer_object=bare), "BertPreTokenizer, got Whitespace")
    accents = type(tiny("albert"))(keep_accents=True)
    _refused(accents, "drops accents first .*, got Lowercase")


def test_rules_that_the_graph_does_not_know_are_refused() -> None:
    vocab = tiny("bert").get_vocab()
    whole = BertTokenizer(vocab=vocab)
    whole.add_tokens([AddedToken("word", single_word=True)])
    _refused(whole, "'word' must be a single word")
    greedy = BertTokenizer(vocab=vocab)
    greedy.add_tokens([AddedToken("Word", lstrip=True, normalized=True)])
    _refused(greedy, "'Word' is normalised and strips")
    left = BertTokenizer(vocab=vocab, truncation_side="left")
    _refused(left, "truncation_side=left")
