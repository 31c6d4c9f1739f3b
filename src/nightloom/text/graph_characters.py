"""What a tokenizer does to single characters, as tables and TensorFlow operations.

A Hugging Face normaliser of the BERT kind treats every character on its own: it drops it, keeps
it, or puts others in its place. So the library itself is asked once about every Unicode
character, and its answers become a two-level table (pages of 256 characters; equal pages are kept
once). The graph then needs a few gathers and no regular expressions, follows the Unicode version
of the installed `tokenizers`, and knows for every character left which one of the original string
it came from.
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
# A letter without case, decomposition or any other character that turns into it.
SEPARATOR = "\u16a0"

# Kinds of characters, as far as splitting into words goes.
PART, SPACE, ALONE = 0, 1, 2
LETTER, OTHER, NUMBER = 0, 2, 3

_KIND_BITS = 2
_SHIFT = 0x110000


class Table(NamedTuple):
    """What becomes of each character: `pages[c >> 8] + (c & 255)` is the number of its entry."""

    pages: np.ndarray | tf.Tensor  # int32 [PAGES], the first entry of each page
    starts: np.ndarray | tf.Tensor  # int32 [entries + 1], where each entry's characters begin in `values`
    values: np.ndarray | tf.Tensor  # int32, (distance from the original + _SHIFT) << 2 | kind

    PLACEHOLDER = 0  # the entry of one character that stands alone
    NOTHING = 1  # the entry of no character


class Characters(NamedTuple):
    """The characters of n strings in one row after another; all int32 of one length."""

    codes: tf.Tensor  # code points; negative where an added token stands
    kinds: tf.Tensor
    rows: tf.Tensor  # which string
    starts: tf.Tensor  # the span in the original string, in code points
    ends: tf.Tensor
    forced: tf.Tensor  # id of the added token that stands here, or -1

    def keep(self, mask: tf.Tensor) -> "Characters":
        """Only the characters where the mask is true."""
        at = tf.where(mask)[:, 0]
        return Characters(*(tf.gather(part, at) for part in self))


class AddedToken(NamedTuple):
    """A piece of text that is one token wherever it stands, before any other rule."""

    codes: tuple[int, ...]
    id: int
    strip_left: bool  # takes the white space before it along
    strip_right: bool


def build_table(normalize: Callable[[str], str], classify: Callable[[str], Sequence[int]]) -> Table:
    """Ask about every character: `normalize` a string; `classify` each character of a string."""
    starts, values = [0], [_SHIFT << _KIND_BITS | ALONE]
    starts += [1, 1]  # the placeholder, then nothing
    known: dict[tuple[tuple[tuple[int, int], ...], ...], int] = {}
    pages = np.zeros(PAGES, np.int32)
    for page in range(PAGES):
        if page in SURROGATES:
            entries: tuple[tuple[tuple[int, int], ...], ...] = ((),) * PAGE
        elif page % 256 and (0x40 <= page >> 4 < 0xE0 or page >> 8 >= 0xF):
            pages[page] = pages[page & 0x1F00]  # planes without characters, or of private ones
            continue
        else:
            entries = _page(page * PAGE, normalize, classify)
        if entries not in known:
            known[entries] = len(starts) - 1
            for entry in entries:
                values += [(distance + _SHIFT) << _KIND_BITS | kind for distance, kind in entry]
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
    # Spaces put round a character only say that it stands alone.
    alone = [len(text) == 3 and text[0] == text[2] == " " for text in mapped]
    mapped = [text[1] if bare else text for text, bare in zip(mapped, alone, strict=True)]
    kinds = iter(classify("".join(mapped)))
    entries = []
    for i, text in enumerate(mapped):
        known = [(ord(character) - first - i, next(kinds)) for character in text]
        entries.append(tuple((distance, ALONE) for distance, _ in known) if alone[i] else known)
    return tuple(tuple(entry) for entry in entries)


class CharacterMap(tf.Module):
    """Strings to normalised characters, inside a graph."""

    def __init__(
        self,
        table: Table,
        *,
        raw: list[AddedToken],
        mapped: list[AddedToken],
        joined: dict[str, str] | None = None,
    ) -> None:
        """`raw` tokens are looked for in the original text, `mapped` ones in the normalised.

        `joined` says which characters, twice in a row, become one other character first.
        """
        super().__init__()
        self._joined = {ord(pair[0]): ord(one) for pair, one in (joined or {}).items()}
        with tf.init_scope():
            self._table = Table(*(tf.constant(part) for part in table))
        self._raw = raw
        self._mapped = mapped

    def __call__(self, texts: tf.Tensor) -> tuple[Characters, tf.Tensor]:
        """string [n] → the characters left, and n."""
        decoded = tf.strings.unicode_decode(texts, "UTF-8")
        codes = decoded.flat_values
        rows = tf.cast(decoded.value_rowids(), tf.int32)
        row_starts = tf.cast(decoded.row_starts(), tf.int32)
        starts = tf.range(tf.size(codes)) - tf.gather(row_starts, rows)
        table = self._table
        second = None
        if self._joined:
            codes, starts, second = self._join(codes, rows, starts)
        ends = starts + 1
        entries = tf.gather(table.pages, tf.bitwise.right_shift(codes, 8))
        entries += tf.bitwise.bitwise_and(codes, PAGE - 1)
        if second is not None:
            entries = tf.where(second, Table.NOTHING, entries)
        forced = None
        if self._raw:
            at, ids, lengths, taken = _find(codes, rows, self._raw)
            forced = _put(tf.fill(tf.shape(codes), -1), at, ids)
            ends = _put(ends, at, tf.gather(starts, at) + lengths)
            entries = _put(entries, taken, tf.fill(tf.shape(taken), Table.NOTHING))
            entries = _put(entries, at, tf.fill(tf.shape(at), Table.PLACEHOLDER))
            if any(token.strip_left or token.strip_right for token in self._raw):
                spaces = self._is_space(entries)
                starts, ends, entries = self._strip(
                    _Runs.of(spaces, rows), at, ids, lengths, starts, ends, entries
                )
        first = tf.gather(table.starts, entries)
        counts = tf.gather(table.starts, entries + 1) - first
        source = tf.repeat(tf.range(tf.size(codes)), counts)
        nth = tf.range(tf.size(source)) - tf.gather(tf.cumsum(counts, exclusive=True), source)
        values = tf.gather(table.values, tf.gather(first, source) + nth)
        distances = tf.bitwise.right_shift(values, _KIND_BITS) - _SHIFT
        characters = Characters(
            codes=tf.gather(codes, source) + distances,
            kinds=tf.bitwise.bitwise_and(values, (1 << _KIND_BITS) - 1),
            rows=tf.gather(rows, source),
            starts=tf.gather(starts, source),
            ends=tf.gather(ends, source),
            forced=tf.fill(tf.shape(source), -1) if forced is None else tf.gather(forced, source),
        )
        if self._raw:
            codes = tf.where(characters.forced >= 0, -1, characters.codes)
            characters = characters._replace(codes=codes)
        if self._mapped:
            characters = self._force_mapped(characters)
        return characters, tf.size(texts)

    def _join(
        self, codes: tf.Tensor, rows: tf.Tensor, starts: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Pairs of equal characters, from the left, become one, with the span of the second.

        The third result says where second ones stand; they are to go.
        """
        second = tf.zeros_like(codes, tf.bool)
        for code, one in self._joined.items():
            same = codes == code
            runs = _Runs.of(same, rows)
            place = tf.range(tf.size(codes)) - tf.gather(runs.first, runs.number)
            here = same & (place % 2 == 1)
            before = tf.concat([here[1:], tf.zeros_like(here[:1])], axis=0)
            codes = tf.where(before, one, codes)
            starts += tf.cast(before, tf.int32)
            second |= here
        return codes, starts, second

    def _is_space(self, entries: tf.Tensor) -> tf.Tensor:
        values = tf.gather(self._table.values, tf.gather(self._table.starts, entries))
        kinds = tf.bitwise.bitwise_and(values, (1 << _KIND_BITS) - 1)
        filled = tf.gather(self._table.starts, entries + 1) > tf.gather(self._table.starts, entries)
        return filled & (kinds == SPACE)

    def _strip(
        self,
        runs: "_Runs",
        at: tf.Tensor,
        ids: tf.Tensor,
        lengths: tf.Tensor,
        starts: tf.Tensor,
        ends: tf.Tensor,
        entries: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Give the white space beside added tokens to those that take it."""
        for token in self._raw:
            mine = tf.where(ids == token.id)[:, 0]
            places, after = tf.gather(at, mine), tf.gather(at + lengths, mine)
            if token.strip_left:
                first, has = runs.before(places)
                starts = _put(starts, places, tf.gather(starts, tf.where(has, first, places)))
                entries = runs.drop(entries, tf.boolean_mask(places - 1, has))
            if token.strip_right:
                last, has = runs.after(after)
                old = tf.gather(ends, places)
                new = tf.gather(tf.concat([ends, [0]], axis=0), last)
                ends = _put(ends, places, tf.where(has, new, old))
                entries = runs.drop(entries, tf.boolean_mask(after, has))
        return starts, ends, entries

    def _force_mapped(self, characters: Characters) -> Characters:
        at, ids, lengths, taken = _find(characters.codes, characters.rows, self._mapped)
        last = tf.gather(characters.ends, at + lengths - 1)
        alone = tf.fill(tf.shape(at), ALONE)
        forced = characters._replace(
            codes=_put(characters.codes, at, tf.fill(tf.shape(at), -1)),
            kinds=_put(characters.kinds, at, alone),
            ends=_put(characters.ends, at, last),
            forced=_put(characters.forced, at, ids),
        )
        left = tf.ones_like(forced.codes, tf.bool)
        kept = _put(left, taken, tf.zeros_like(taken, tf.bool))
        return forced.keep(_put(kept, at, tf.ones_like(at, tf.bool)))


class _Runs(NamedTuple):
    """Stretches of white space and of other characters, none across two strings."""

    spaces: tf.Tensor  # bool [characters]
    rows: tf.Tensor  # int32 [characters]
    number: tf.Tensor  # int32 [characters], the stretch that each is in
    first: tf.Tensor  # int32 [stretches + 1], where each begins

    @classmethod
    def of(cls, spaces: tf.Tensor, rows: tf.Tensor) -> "_Runs":
        change = (spaces[1:] != spaces[:-1]) | (rows[1:] != rows[:-1])
        change = tf.concat([tf.ones_like(spaces[:1]), change], axis=0)
        first = tf.cast(tf.where(change)[:, 0], tf.int32)
        number = tf.cumsum(tf.cast(change, tf.int32)) - 1
        return cls(spaces, rows, number, tf.concat([first, [tf.size(spaces)]], axis=0))

    def before(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where the white space before each place begins, and whether there is any."""
        left = tf.maximum(places - 1, 0)
        has = (places > 0) & tf.gather(self.spaces, left)
        has &= tf.gather(self.rows, left) == tf.gather(self.rows, places)
        return tf.gather(self.first, tf.gather(self.number, left)), has

    def after(self, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The last white space from each place on, and whether there is any."""
        inside = tf.minimum(places, tf.size(self.spaces) - 1)
        has = (places < tf.size(self.spaces)) & tf.gather(self.spaces, inside)
        has &= tf.gather(self.rows, inside) == tf.gather(self.rows, places - 1)
        return tf.gather(self.first, tf.gather(self.number, inside) + 1) - 1, has

    def drop(self, entries: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """`entries` with nothing at the stretches that these places are in."""
        flags = tf.zeros([tf.size(self.first)], tf.bool)
        numbers = tf.gather(self.number, places)
        gone = tf.gather(_put(flags, numbers, tf.ones_like(numbers, tf.bool)), self.number)
        return tf.where(gone, Table.NOTHING, entries)


def _put(tensor: tf.Tensor, at: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(tensor, at[:, None], values)


def _find(
    codes: tf.Tensor, rows: tf.Tensor, tokens: list[AddedToken]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Where tokens stand: first characters, ids, lengths, and every character that they take."""
    longest = max(len(token.codes) for token in tokens)
    codes = tf.concat([codes, tf.fill([longest], -2)], axis=0)
    rows = tf.concat([rows, tf.fill([longest], -2)], axis=0)
    found: list[tuple[tf.Tensor, tf.Tensor, tf.Tensor]] = []
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
        found.append(tuple(tf.gather(part, hits) for part in (at, ids, lengths)))  # type: ignore[arg-type]
    at, ids, lengths = (tf.concat(parts, axis=0) for parts in zip(*found, strict=True))
    first_taken = tf.repeat(at - tf.cumsum(lengths, exclusive=True), lengths)
    return at, ids, lengths, first_taken + tf.range(tf.size(first_taken))


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
    """A `tokenizers.Tokenizer` that has these parts (JSON) and a vocabulary of no meaning."""
    from tokenizers import Tokenizer, models

    spec = json.loads(Tokenizer(models.WordPiece({"?": 0}, unk_token="?")).to_str())
    spec["normalizer"], spec["pre_tokenizer"] = json.loads(normalizer), json.loads(pre_tokenizer)
    return Tokenizer.from_str(json.dumps(spec))
