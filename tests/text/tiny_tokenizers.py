"""Fast tokenizers of every supported kind, made in a moment from a few words."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    AlbertTokenizer,
    BertTokenizer,
    DistilBertTokenizer,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
)

from tests.text.charsmap import charsmap

WORDS = (
    "the quick brown fox jumps over a lazy dog while Ångström and Müller measure naïve café "
    "prices 1999 2004 00 12.5% $300 don't we'll they've it's I'm he'd you're #39;s &lt;b&gt; "
    'unions bank\'s oil-rich, (AP) -- said: "yes" state-of-the-art Straße ΑΘΗΝΑ Москва мир '
    "東京 大阪 中文 字 cœur 한국어 "
    "कि ไทย 👍 👩‍👩‍👧 🏳️‍🌈 e\u0301 ﬁ ½ … — “quoted” ‘single’ ``tex'' x² ㎏"
).split()

KINDS = ("bert", "bert_added", "distilbert_cased", "roberta", "roberta_prefix", "albert")

REPLACED = {"œ": "oe", "\u200b": " ", "\ufffd": " ", "字": "zi", "～": "~", "Ꙁ": "z"}
"""What the table of `albert` replaces."""


@cache
def tiny(kind: str) -> PreTrainedTokenizerFast:
    """The tokenizer of this kind; made once a process, the same in every process."""
    family, _, variant = kind.partition("_")
    make = {"roberta": _roberta, "albert": _albert}.get(family, _bert)
    return make(family, variant)


def _bert(family: str, variant: str) -> Any:
    lower = variant != "cased"
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    bare = BertTokenizer(do_lower_case=lower).backend_tokenizer
    text = bare.normalizer.normalize_str(" ".join(WORDS))
    words = [word for word, _ in bare.pre_tokenizer.pre_tokenize_str(text)]
    counts: Counter[str] = Counter()
    for start, part in _parts(words):
        counts[part if start == 0 else f"##{part}"] += 1
    pieces = specials + _chosen(counts)
    make = DistilBertTokenizer if family == "distilbert" else BertTokenizer
    fast = make(vocab={piece: i for i, piece in enumerate(pieces)}, do_lower_case=lower)
    if variant == "added":
        fast.add_tokens(
            [
                AddedToken("New York", normalized=True),
                AddedToken("ÑANDÚ", normalized=True),
                AddedToken("@user", normalized=False, lstrip=True),
                AddedToken("<url>", normalized=False, rstrip=True, lstrip=True),
            ]
        )
    return fast


def _roberta(family: str, variant: str) -> Any:
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator([" ".join(WORDS)] * 2, trainer)
    model = json.loads(learner.to_str())["model"]
    return RobertaTokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        add_prefix_space=variant == "prefix",
        mask_token=AddedToken("<mask>", lstrip=True, normalized=False),
    )


def _albert(family: str, variant: str) -> Any:
    specials = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    normalizer = AlbertTokenizer().backend_tokenizer.normalizer
    words = [f"▁{word}" for word in normalizer.normalize_str(" ".join(WORDS)).split()]
    counts = Counter(part for _, part in _parts(words))
    total = sum(counts.values())
    # Scores of single precision, as in SentencePiece's files; many of them are equal.
    scored = [(piece, round(math.log(counts[piece] / total), 1)) for piece in _chosen(counts)]
    return AlbertTokenizer(
        _spm_precompiled_charsmap=charsmap(REPLACED),
        vocab=[(token, 0.0) for token in specials] + scored,
        mask_token=AddedToken("[MASK]", lstrip=True, normalized=False),
    )


def _parts(words: list[str]) -> Iterator[tuple[int, str]]:
    """Every stretch of up to 6 characters of every word, and where it starts."""
    for word in words:
        for start in range(len(word)):
            for end in range(start + 1, min(start + 6, len(word)) + 1):
                yield start, word[start:end]


def _chosen(counts: Counter[str], many: int = 500) -> list[str]:
    """All single characters but a few, and the most frequent longer parts."""
    ordered = sorted(counts, key=lambda part: (-counts[part], part))
    letters = [part for part in ordered if len(part.removeprefix("##")) == 1]
    longer = [part for part in ordered if len(part.removeprefix("##")) > 1]
    return [part for part in letters if part not in "中‰½🏳xq"] + longer[:many:2]
