"""A tokenizer's treatment of single characters, as a table for TensorFlow.

A BERT-style Hugging Face normaliser treats every character separately: it drops it, keeps it, or
replaces it. So the library itself is asked once about every Unicode character, and its answers
become a two-level table (pages of 256 characters; equal pages are stored once). The graph then
needs a few gathers and no regular expressions, follows the Unicode version of the installed
`tokenizers`, and knows the original position of every remaining character.
"""

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

PAGE = 256
PAGES = 0x110000 // PAGE
SURROGATES = range(0xD8, 0xE0)
# A letter without case or decomposition, to which no other character maps.
SEPARATOR = "\u16a0"

# Kinds of characters, for splitting into words.
PART, SPACE, ALONE = 0, 1, 2
LETTER, OTHER, NUMBER = 0, 2, 3

KIND_BITS = 2
SHIFT = 0x110000

PLACEHOLDER = 0
"""The entry of a character that is a word by itself."""
NOTHING = 1
"""The entry of no character."""


class Table(NamedTuple):
    """The mapping of each character: `pages[c >> 8] + (c & 255)` is the number of its entry.

    pages: int32 [PAGES], the first entry of each page. starts: int32 [entries + 1], where each
    entry's characters begin in `values`. values: int32, the distance from the original code point,
    plus SHIFT, and the kind in the lowest two bits.
    """

    pages: np.ndarray | tf.Tensor
    starts: np.ndarray | tf.Tensor
    values: np.ndarray | tf.Tensor


def build_table(normalize: Callable[[str], str], classify: Callable[[str], Sequence[int]]) -> Table:
    """Ask about every character: `normalize` a string; `classify` each character of a string."""
    starts, values = [0], [SHIFT << KIND_BITS | ALONE]
    starts += [1, 1]  # the placeholder, then nothing
    known: dict[tuple[tuple[tuple[int, int], ...], ...], int] = {}
    pages = np.zeros(PAGES, np.int32)
    for page in range(PAGES):
        if page in SURROGATES:
            entries: tuple[tuple[tuple[int, int], ...], ...] = ((),) * PAGE
        elif page % 256 not in (0, 255) and (0x40 <= page >> 4 < 0xE0 or page >> 8 >= 0xF):
            pages[page] = pages[page & 0x1F00]  # planes that are empty or private
            continue
        else:
            entries = _page(page * PAGE, normalize, classify)
        if entries not in known:
            known[entries] = len(starts) - 1
            for entry in entries:
                values += [(distance + SHIFT) << KIND_BITS | kind for distance, kind in entry]
                starts.append(len(values))
        pages[page] = known[entries]
    return Table(pages, np.array(starts, np.int32), np.array(values, np.int32))


def _page(
    first: int, normalize: Callable[[str], str], classify: Callable[[str], Sequence[int]]
) -> tuple[tuple[tuple[int, int], ...], ...]:
    characters = [chr(code) for code in range(first, first + PAGE)]
    mapped = normalize(SEPARATOR.join(characters)).split(SEPARATOR)
    if len(mapped) != PAGE:
        mapped = [normalize(character) for character in characters]
    # Spaces added around a character only mark it as a separate word.
    alone = [len(text) == 3 and text[0] == text[2] == " " for text in mapped]
    mapped = [text[1] if bare else text for text, bare in zip(mapped, alone, strict=True)]
    kinds = iter(classify("".join(mapped)))
    entries = []
    for i, text in enumerate(mapped):
        known = [(ord(character) - first - i, next(kinds)) for character in text]
        entries.append(tuple((distance, ALONE) for distance, _ in known) if alone[i] else known)
    return tuple(tuple(entry) for entry in entries)


@functools.lru_cache(maxsize=8)
def bert_table(normalizer: str, pre_tokenizer: str) -> Table:
    """The table of a WordPiece tokenizer; both parts as `tokenizers` writes them in JSON."""
    parts = library_parts(normalizer=normalizer, pre_tokenizer=pre_tokenizer)
    split = parts.pre_tokenizer.pre_tokenize_str

    def classify(text: str) -> list[int]:
        kinds = [SPACE] * len(text)
        for _, (start, end) in split("a" + "".join(character + "a" for character in text)):
            for place in range(start | 1, end, 2):
                kinds[place // 2] = PART if end - start > 1 else ALONE
        return kinds

    return build_table(parts.normalizer.normalize_str if parts.normalizer else str, classify)


@functools.lru_cache(maxsize=1)
def gpt2_table() -> Table:
    """Every character stays; kinds are those of GPT-2's pattern: LETTER, SPACE, OTHER, NUMBER."""
    from tokenizers import Regex, pre_tokenizers

    patterns = {LETTER: r"\p{L}", NUMBER: r"\p{N}", SPACE: r"\s"}
    cutters = {
        kind: pre_tokenizers.Split(Regex(pattern), "removed") for kind, pattern in patterns.items()
    }

    def classify(text: str) -> list[int]:
        kinds = [OTHER] * len(text)
        for kind, cutter in cutters.items():
            matched = set(range(len(text)))
            for _, (start, end) in cutter.pre_tokenize_str(text):
                matched.difference_update(range(start, end))
            for place in matched:
                kinds[place] = kind
        return kinds

    return build_table(str, classify)


def library_parts(*, normalizer: str, pre_tokenizer: str = "null") -> Any:
    """A `tokenizers.Tokenizer` with these parts (JSON) and a dummy vocabulary."""
    from tokenizers import Tokenizer, models

    spec = json.loads(Tokenizer(models.WordPiece({"?": 0}, unk_token="?")).to_str())
    spec["normalizer"], spec["pre_tokenizer"] = json.loads(normalizer), json.loads(pre_tokenizer)
    return Tokenizer.from_str(json.dumps(spec))
