"""Tagged sentences as examples: the scheme of their tags, and oddities in them.

The scheme is detected from all training sentences, so they are read to the end before any tag is
interpreted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloom.counted import counted
from nightloom.data import SPLITS
from nightloom.data.arrow import TEXT_FEATURE, Feature, class_feature, list_feature
from nightloom.data.formats.sentences import Sentences
from nightloom.data.labels.names import near_equal
from nightloom.data.labels.tag_schemes import SchemeCount, split_tag
from nightloom.data.sources.opened import Opened
from nightloom.data.sources.sentence_reader import SentenceReader
from nightloom.data.splits.content import content_numbers
from nightloom.data.splits.examples import Examples, Part, Written
from nightloom.data.splits.sides import Sides
from nightloom.data.splits.tag_reader import TagReader
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings
from nightloom.settings.spelling import listed

_LINES_A_FILE = 1 << 40


@dataclass(slots=True)
class SentencePart(Part):
    """One split of the source, and the positions of its sentences and tags."""

    places: list[str] = field(default_factory=list)
    """The files of the split read so far, in order."""
    line_a_word: bool = False
    scheme: SchemeCount = field(default_factory=SchemeCount)
    types: set[str] = field(default_factory=set)
    lines: dict[int, list[int]] = field(default_factory=dict)
    """Lines of words in sentences interrupted by other lines, by the line of the first."""

    def mark(self, place: str, start: int) -> int:
        """The line `start` of a file as one number that includes the file."""
        if not self.places or self.places[-1] != place:
            self.places.append(place)
        return (len(self.places) - 1) * _LINES_A_FILE + start

    def place_of(self, mark: int, word: int | None = None) -> str:
        """The file and line encoded by `mark`, or those of a word of that sentence."""
        if word is not None and self.line_a_word:
            mark = self.lines[mark][word] if mark in self.lines else mark + word
        file, line = divmod(mark, _LINES_A_FILE)
        return f"{self.places[file]}:{line}"


class TaggedSentences(Examples[Sentences, SentencePart]):
    """Sentences with a tag for each word; those without words are left out and counted."""

    reader = SentenceReader
    unit = "sentences"
    equal = "words"
    staged = pa.schema(
        [
            ("tokens", pa.list_(pa.string())),
            ("tags", pa.list_(pa.dictionary(pa.int32(), pa.string()))),
            ("start", pa.int64()),
            ("code", pa.int32()),
            ("content", pa.uint64()),
            ("group", pa.uint64()),
            ("time", pa.int64()),
            ("hash", pa.int64()),
        ]
    )
    written = pa.schema([("tokens", pa.list_(pa.string())), ("tags", pa.list_(pa.int64()))])
    class_of_code = np.zeros(1, dtype=np.int32)

    def __init__(self, settings: EntityDataSettings, source: Opened[Sentences]) -> None:
        self._settings, self._source = settings, source
        self._sides = Sides(settings, source, unit=self.unit)
        self.keeping(settings.keep or ())
        self._readers: dict[str, TagReader] = {}
        self._number_of: dict[str, int] = {}

    def part(self, split: str, path: Path) -> SentencePart:
        """See Examples."""
        return SentencePart(split, self._source.places[split], path)

    def stage(self, part: SentencePart, batch: Sentences) -> pa.RecordBatch:
        """See Examples."""
        batch = self._sides.within(part, batch)
        part.line_a_word = batch.line_a_word
        place = batch.place or part.place
        for start, lines in batch.lines.items():
            part.lines[part.mark(place, start)] = [part.mark(place, line) for line in lines]
        worded = [at for at, tokens in enumerate(batch.tokens) if tokens]
        part.empty += len(batch) - len(worded)
        batch = batch.only(worded) if len(worded) < len(batch) else batch
        kept = Sentences(batch.line_a_word)
        for tokens, tags, start in zip(batch.tokens, batch.tags, batch.starts, strict=True):
            part.scheme.add(tags)
            kept.add(tokens, tags, part.mark(place, start))
        part.types.update(
            split_tag(tag)[1] for tag in set().union(*map(set, kept.tags)) if tag != "O"
        )
        codes = np.zeros(len(kept.tokens), dtype=np.int32)
        part.count(codes)
        hashes = _hashes(kept, part)
        content = content_numbers(" ".join(tokens) for tokens in kept.tokens)
        sides = self._sides.numbers(part, batch, content)
        columns: list[Any] = [kept.tokens, kept.tags, kept.starts, codes, content, *sides, hashes]
        columns += self.kept(part, batch.beside, len(batch))
        return pa.RecordBatch.from_arrays(
            [pa.array(one, kind) for one, kind in zip(columns, self.staged.types, strict=True)],
            schema=self.staged,
        )

    def texts(self, batch: pa.RecordBatch) -> pa.Array:
        """As Examples says."""
        return pc.binary_join(batch["tokens"], " ")

    def check_part(self, part: SentencePart) -> None:
        """See Examples."""
        self._sides.check(part)
        if part.rows == 0:
            raise InputError(f"{part.place}: no sentences; expected tagged words for {part.split}")
        if part.split == "train" and not part.types:
            raise InputError(
                f"{part.place}: all words are tagged O; expected entities to learn from "
                "(data.columns says which column holds the tags)"
            )

    def resolve(self, parts: Mapping[str, SentencePart]) -> None:
        """See Examples; a split is read by a scheme other than the stated one, or train's, only if
        it violates that and fully complies with its own."""
        stated, of_train = self._settings.scheme, parts["train"].scheme.scheme
        for split, part in parts.items():
            own, scheme = part.scheme.scheme, of_train if stated == "auto" else stated
            if stated == "auto" and part.scheme.breaks(of_train) and not part.scheme.breaks(own):
                scheme = own
            refuse = self._settings.invalid_tags == "refuse"
            self._readers[split] = TagReader(part.place_of, scheme, refuse)
        types = sorted(set().union(*(part.types for part in parts.values())))
        self.label_names = ("O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI"))
        self._number_of = {name: number for number, name in enumerate(self.label_names)}

    def features(self) -> tuple[Feature, ...]:
        """See Examples."""
        return list_feature(TEXT_FEATURE), list_feature(class_feature(self.label_names))

    def decode(self, part: SentencePart, batch: pa.RecordBatch) -> list[pa.Array]:
        """See Examples."""
        reader, number_of = self._readers[part.split], self._number_of
        found = reader.read(batch["tags"].to_pylist(), batch["start"].to_pylist())
        codes = [[number_of[tag] for tag in tags] for tags in found]
        return [batch["tokens"], pa.array(codes, pa.list_(pa.int64()))]

    def facts(self, written: Mapping[str, Written]) -> dict[str, Any]:
        """Words and entities by type for each split, detected schemes, repaired sequences, and the
        roles of columns."""
        return {
            "words": {split: int(found.labels.sum()) for split, found in written.items()},
            "entities": {split: self._entities(found) for split, found in written.items()},
            "scheme": {split: reader.scheme for split, reader in self._readers.items()},
            "repaired": {split: reader.repaired for split, reader in self._readers.items()},
            "read_as": dict(self._source.notes.read_as),
        }

    def _entities(self, written: Written) -> dict[str, int]:
        """The entities of each type: in IOB2 each begins with its own tag."""
        counts = zip(self.label_names, written.labels.tolist(), strict=True)
        return {name[2:]: count for name, count in counts if count and name.startswith("B-")}

    def warnings(
        self,
        parts: Mapping[str, SentencePart],
        written: Mapping[str, Written],
        repeated: list[str],
    ) -> list[str]:
        """The readers' remarks, sentences left out or repaired, and types missing in a split."""
        found = list(self._source.notes.warnings)
        for part in parts.values():
            found += self._sides.warnings(part)
        of_train = self._readers["train"].scheme
        for split, reader in self._readers.items():
            if empty := parts[split].empty:
                said = f"sentences of {split} have no words and were left out"
                found.append(counted(empty, said))
            if reader.scheme != of_train:
                found.append(
                    f"{split} is tagged in {reader.scheme}, train in {of_train}; "
                    "each was read in its own"
                )
            found += reader.warnings(split)
        found += repeated
        entities = {split: self._entities(written[split]) for split in SPLITS}
        known = entities["train"]
        found += near_equal(
            list(known), list(known.values()), what="types of entities", unit="in train"
        )
        for split in SPLITS[1:]:
            if absent := [kind for kind in known if kind not in entities[split]]:
                found.append(f"no {split} entity of type {listed(absent)}")
            if new := [kind for kind in entities[split] if kind not in known]:
                found.append(f"{split} has entities of type {listed(new)}, train has none")
        return found


def _hashes(batch: Sentences, part: SentencePart) -> list[int]:
    hashes = []
    for tokens, start in zip(batch.tokens, batch.starts, strict=True):
        joined = "\n".join(tokens)
        if "\0" in joined or not _encodes(joined):
            raise InputError(
                f"{part.place_of(start)}: a token holds a NUL or half of a surrogate pair; "
                "remove it"
            )
        # str hashes differ between processes; their equality does not.
        hashes.append(hash(joined))
    return hashes


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
