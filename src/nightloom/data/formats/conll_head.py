"""The first sentences of a CoNLL file as columns, and the possible roles of each."""

import re
from collections import Counter
from collections.abc import Sequence

from nightloom.data.formats.column_names import TAG_COLUMNS, WORD_COLUMNS
from nightloom.data.labels.tag_spelling import TagSpelling
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, shown

COUNTED = re.compile(r"([0-9]+)([-.][0-9]+)?")
_CHUNKS = frozenset(
    "NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NC VC PC AC MPN NX VX AX AP MP DP QP".split()
)
_PARTS_OF_SPEECH = frozenset(
    "ADJ ADP ADV AUX CCONJ CONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X "
    "CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP TO UH "
    "VB VBD VBG VBN VBP VBZ WDT WP WP$ WRB . , : ; ( ) -LRB- -RRB- `` '' \" # $ "
    "ADJA ADJD APPR APPRART ART CARD KON NE PPER PPOSAT VAFIN VVFIN VVINF VVPP $. $, $(".split()
)
_OUTSIDE = ("O", "o", "_", "")
_MOSTLY = 0.8
"""Minimum share of a column's values that are tags, or word numbers; the others are then refused by
line and value."""
_TAGGED_IN_CHUNKS = 0.65
_ENOUGH_WORDS = 100


class Head:
    """The first sentences of a file, each line split into `width` parts."""

    def __init__(self, sentences: list[list[list[str]]], spelling: TagSpelling) -> None:
        self._sentences = sentences
        self._spelling = spelling
        self.width = len(sentences[0][0])

    def column(self, at: int) -> list[str]:
        """The values of a column, stripped of spaces."""
        return [parts[at].strip() for rows in self._sentences for parts in rows]

    def take_header(self) -> tuple[str, ...] | None:
        """Remove the first line if it names the columns; return these names."""
        first, *rest = self._sentences[0]
        names = tuple(part.strip().lower() for part in first)
        if (
            not any(name in WORD_COLUMNS for name in names)
            or not any(name in TAG_COLUMNS or name.startswith("ne-") for name in names)
            or any(self._spelling.fits([part]) for part in first)
        ):
            return None
        self._sentences = [some for some in (rest, *self._sentences[1:]) if some] or [[first]]
        return names

    def roles(self, header: tuple[str, ...] | None) -> tuple[int, int, int | None]:
        """The columns of words, tags and word numbers, if any.

        Without other evidence, the word is the first column and the tag the last.
        """
        tags = self._tag_columns()
        counts_at = next(
            (
                at
                for at in range(self.width)
                if at not in tags and (self._counts_anew(at) or self._counts_on(at))
            ),
            None,
        )
        tag_at = self._tag_column(tags, header)
        return self._word_column({*tags, tag_at}, counts_at, header), tag_at, counts_at

    def _tag_columns(self) -> list[int]:
        """Columns whose values can be tags; those without entities last."""
        if self._spelling.bare:
            return [self.width - 1]
        tagged: list[int] = []
        empty: list[int] = []
        for at in range(self.width):
            counts = Counter(self.column(at))
            fitting = {value for value in counts if value and self._spelling.fits([value])}
            if fitting.difference(_OUTSIDE):
                if sum(counts[value] for value in fitting) >= _MOSTLY * counts.total():
                    tagged.append(at)
            elif counts and set(counts) <= set(_OUTSIDE) and {"O", "o"} & set(counts):
                empty.append(at)
        if not tagged:
            return empty[-1:]
        found = sorted(tagged + [at for at in empty if at > tagged[0]])
        return found[1:] if len(found) == self.width else found

    def _types(self, at: int) -> set[str]:
        spelling = TagSpelling(names=self._spelling.names, bare=self._spelling.bare)
        values = set(self.column(at)).difference(_OUTSIDE)
        spelling.see(values)
        types = set()
        for value in values:
            try:
                types.add(spelling.read(value, "").partition("-")[2])
            except InputError:
                continue
        return types - {""}

    def _is_chunks(self, at: int) -> bool:
        types = self._types(at)
        if types and all(kind.upper() in _CHUNKS for kind in types):
            return True
        values = self.column(at)
        tagged = sum(value not in _OUTSIDE for value in values)
        return len(values) >= _ENOUGH_WORDS and tagged > _TAGGED_IN_CHUNKS * len(values)

    def _tag_column(self, tags: Sequence[int], header: tuple[str, ...] | None) -> int:
        """The column of entity tags: not chunks; the outer of nested layers, else the last."""
        if not tags:
            return self.width - 1
        if header is not None:
            named = [header.index(name) for name in TAG_COLUMNS if name in header]
            if named and named[0] in tags:
                return named[0]
        layers = [at for at in tags if not self._is_chunks(at)] or [tags[-1]]
        outer, *others = map(self._rows_tagged, layers)
        nested = all(len(other & outer) >= _MOSTLY * len(other) for other in others)
        return layers[0] if nested else layers[-1]

    def _rows_tagged(self, at: int) -> set[int]:
        return {row for row, value in enumerate(self.column(at)) if value not in _OUTSIDE}

    def _numbers(self, at: int) -> list[list[int]]:
        """A column's integers by sentence, without ranges; empty if it has other values."""
        found, others = [], 0
        for rows in self._sentences:
            matches = [COUNTED.fullmatch(parts[at].strip()) for parts in rows]
            others += matches.count(None)
            found.append([int(match[1]) for match in matches if match and not match[2]])
        words = sum(map(len, self._sentences))
        return found if words - others >= _MOSTLY * words else []

    def _counts_anew(self, at: int) -> bool:
        numbers = [row for row in self._numbers(at) if row]
        counting = sum(
            row[0] in (0, 1) and row == list(range(row[0], row[0] + len(row))) for row in numbers
        )
        return any(len(row) > 1 for row in numbers) and counting >= _MOSTLY * len(numbers)

    def _counts_on(self, at: int) -> bool:
        numbers = [number for row in self._numbers(at) for number in row]
        return len(numbers) > 3 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    def _word_column(
        self, tags: set[int], counts_at: int | None, header: tuple[str, ...] | None
    ) -> int:
        """The first column that can be words; else the first that is neither numbers nor tags."""
        if header is not None:
            return next(header.index(name) for name in WORD_COLUMNS if name in header)
        rest = [at for at in range(self.width) if at not in tags]
        free = [at for at in rest if at != counts_at] or rest
        unlikely = (self._is_constant, self._are_parts_of_speech, self._are_numbers)
        return next((at for at in free if not any(test(at) for test in unlikely)), free[0])

    def _is_constant(self, at: int) -> bool:
        """Whether each sentence has only one value: an id, a source, a blank."""
        words = sum(map(len, self._sentences))
        return words > len(self._sentences) + 1 and all(
            len({parts[at] for parts in rows}) == 1 for rows in self._sentences
        )

    def _are_numbers(self, at: int) -> bool:
        """Whether all values are numbers: ids with gaps, offsets of characters."""
        return all(COUNTED.fullmatch(value) for value in self.column(at))

    def _are_parts_of_speech(self, at: int) -> bool:
        return set(self.column(at)) <= _PARTS_OF_SPEECH

    def names(self, word_at: int, tag_at: int) -> list[str]:
        """Names of the columns, in the form of data.columns."""
        names = [f"c{at + 1}" for at in range(self.width)]
        names[word_at], names[tag_at] = "word", "ner"
        return names

    def said(
        self, word_at: int, tag_at: int, counts_at: int | None, names: tuple[str, ...] | None
    ) -> str:
        """One line: the role of each column."""

        def column(at: int) -> str:
            return f"column {at + 1}" + (f" ({shown(names[at], 30)})" if names else "")

        text = (
            f"{column(word_at)} of {self.width} is the word, {column(tag_at)} the tag "
            f"({self._most(tag_at)})"
        )
        if counts_at is not None:
            text += f", column {counts_at + 1} counts"
        used = (word_at, tag_at, counts_at)
        left = [str(at + 1) for at in range(self.width) if at not in used]
        return text + (f"; not read: {listed(left)}" if left else "")

    def doubt(self, word_at: int, tag_at: int) -> str:
        """Alternative tag columns, and how to select them; '' if there are none."""
        others = [
            at
            for at in self._tag_columns()
            if at not in (tag_at, word_at) and self._types(at) and not self._is_chunks(at)
        ]
        if not others:
            return ""
        return (
            f"column {', '.join(str(at + 1) for at in others)} also holds entity tags "
            f"({self._most(others[0])}) and is not read; data.columns="
            f"{','.join(self.names(word_at, others[0]))} takes it instead of column {tag_at + 1}"
        )

    def _most(self, at: int) -> str:
        """The most frequent tags other than O, at most three."""
        values = self.column(at)
        tagged = [value for value in values if value not in _OUTSIDE] or values
        return shown(", ".join(value for value, _ in Counter(tagged).most_common(3)), 60)
