"""Labelled texts as examples: what their labels mean, and oddities in them."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloom.counted import counted
from nightloom.data.arrow import TEXT_FEATURE, Feature, class_feature
from nightloom.data.formats.content import check_text
from nightloom.data.formats.tables import Rows
from nightloom.data.labels.names import (
    NO_LABEL,
    alike,
    as_integers,
    maybe_missing,
    missing_labels,
    near_equal,
)
from nightloom.data.labels.vocabulary import (
    MISSING,
    LabelVocabulary,
    ResolvedLabels,
    resolve_labels,
)
from nightloom.data.sources.opened import Opened
from nightloom.data.sources.text_reader import TextReader
from nightloom.data.splits.content import content_numbers
from nightloom.data.splits.examples import Examples, Part, Written
from nightloom.data.splits.partition import parts_of_train, too_few
from nightloom.data.splits.sides import Sides
from nightloom.errors import InputError
from nightloom.settings.data import TextDataSettings
from nightloom.settings.spelling import listed, quoted


@dataclass(slots=True)
class TextPart(Part):
    """One split of the source, and its rows without text or label."""

    first_empty: str = ""
    missing: Counter[str] = field(default_factory=Counter)
    """Rows left out for lack of a label, by its marker."""
    first_missing: str = ""


class LabelledTexts(Examples[Rows, TextPart]):
    """Texts of one class each. Rows without a label are left out and counted, or refused."""

    reader = TextReader
    unit = "rows"
    equal = "text"
    staged = pa.schema(
        [
            ("text", pa.string()),
            ("code", pa.int32()),
            ("content", pa.uint64()),
            ("group", pa.uint64()),
            ("time", pa.int64()),
            ("hash", pa.int64()),
        ]
    )
    written = pa.schema([("text", pa.string()), ("label", pa.int64())])
    class_names: tuple[str, ...]

    def __init__(self, settings: TextDataSettings, source: Opened[Rows]) -> None:
        self._settings, self._source = settings, source
        self._sides = Sides(settings, source, unit=self.unit)
        self.keeping(settings.keep or ())
        names = settings.label_names or source.label_names
        self._vocabulary = LabelVocabulary(missing_labels(settings.missing_labels, names))
        self._counts: dict[str, np.ndarray] = {}
        self._absent: list[str] = []

    def part(self, split: str, path: Path) -> TextPart:
        """See Examples."""
        return TextPart(split, self._source.places[split], path)

    def stage(self, part: TextPart, batch: Rows) -> pa.RecordBatch:
        """See Examples; new labels are added to the vocabulary."""
        batch = self._sides.within(part, batch)
        codes = self._vocabulary.encode(batch.labels, batch.numbers, batch.place)
        if (codes == MISSING).any():
            self._note_missing(part, batch, np.flatnonzero(codes == MISSING).tolist())
            batch = batch.only(np.flatnonzero(codes != MISSING).tolist())
            codes = codes[codes != MISSING]
        # str hashes differ between processes; their equality does not.
        hashes = np.array([hash(text) for text in batch.texts], dtype=np.int64)
        texts = _checked(batch)
        content = content_numbers(batch.texts)
        sides = self._sides.numbers(part, batch, content)
        kept = self.kept(part, batch.beside, len(batch))
        arrays = [texts, *map(pa.array, (codes, content, *sides, hashes)), *kept]
        part.count(codes)
        rows = zip(batch.texts, batch.numbers, strict=True)
        blank = [number for text, number in rows if not text or text.isspace()]
        if blank and not part.empty:
            part.first_empty = f"{self._short(batch.place)}:{blank[0]}"
        part.empty += len(blank)
        return pa.RecordBatch.from_arrays(arrays, schema=self.staged)

    def _note_missing(self, part: TextPart, batch: Rows, at: list[int]) -> None:
        if self._settings.unlabelled == "refuse":
            raise InputError(
                f"{batch.place}:{batch.numbers[at[0]]}: the label is missing "
                f"({_form(batch.labels[at[0]])}); "
                "give the row a label or remove it, or set data.unlabelled=leave_out"
            )
        if not part.missing:
            part.first_missing = f"{self._short(batch.place)}:{batch.numbers[at[0]]}"
        part.missing.update(_form(batch.labels[number]) for number in at)

    def _short(self, place: str) -> str:
        """A place without the folder, for output files."""
        return Path(place).name if self._source.facts["kind"] == "files" else place

    def texts(self, batch: pa.RecordBatch) -> pa.Array:
        """As Examples says."""
        return batch["text"]

    def check_part(self, part: TextPart) -> None:
        """See Examples."""
        self._sides.check(part)
        if part.rows == 0 and part.missing:
            said = without_labels(part.split, part.place, part.missing, self._source.splits)
            raise InputError(said)
        if part.rows == 0:
            raise InputError(f"{part.place}: no rows; expected rows for the {part.split} split")
        if part.split == "train" and part.empty == part.rows:
            raise InputError(
                f"{part.place}: all {part.empty} training texts are empty; expected texts to learn "
                "from (is data.text the right column?)"
            )

    def resolve(self, parts: Mapping[str, TextPart]) -> None:
        """See Examples."""
        self._labels = self._resolved()
        self.label_names = self.class_names = self._labels.names
        self.class_of_code = self._labels.class_of_code
        self._counts = self.counts(parts)
        self._check_classes(parts)

    def _resolved(self) -> ResolvedLabels:
        own, given = self._source.label_names, self._settings.label_names
        base = self._settings.label_base
        if own is None:
            return resolve_labels(self._vocabulary, given, base=base)
        labels = resolve_labels(self._vocabulary, own, base=0)
        if base == 1:
            raise InputError(
                f"data.label_base=1 of data.label_names: the labels of {self._settings.source} are "
                "counted from 0, because they have names there; leave out data.label_base"
            )
        if given is None:
            return labels
        if len(given) != len(own):
            raise InputError(
                f"data.label_names has {len(given)} names, {self._settings.source} has {len(own)} "
                f"classes: {listed(own)}"
            )
        if set(given) == set(own):
            order = np.array([given.index(name) for name in own], dtype=np.int32)
            return ResolvedLabels(given, order[labels.class_of_code], labels.read_as)
        return ResolvedLabels(given, labels.class_of_code, labels.read_as)

    def features(self) -> tuple[Feature, ...]:
        """See Examples."""
        return TEXT_FEATURE, class_feature(self.label_names)

    def decode(self, part: TextPart, batch: pa.RecordBatch) -> list[pa.Array]:
        """See Examples."""
        del part
        classes = self.class_of_code[batch["code"].to_numpy()]
        return [batch["text"], pa.array(classes, pa.int64())]

    def facts(self, written: Mapping[str, Written]) -> dict[str, Any]:
        """Rows by class for each split, and how labels were read."""
        classes = {
            split: dict(zip(self.label_names, found.labels.tolist(), strict=True))
            for split, found in written.items()
        }
        return {"classes": classes, "labels_read_as": self._labels.read_as}

    def _check_classes(self, parts: Mapping[str, TextPart]) -> None:
        """Raise InputError if training makes no sense; note missing classes."""
        names, counts, vocabulary = self.label_names, self._counts, self._vocabulary
        present = np.flatnonzero(counts["train"])
        if len(present) < 2:
            raise InputError(
                f"{parts['train'].place}: all training rows have the label "
                f"{quoted(names[present[0]], 40)}; expected at "
                "least two classes (is data.label the right column?)"
            )
        for split in ("valid", "test"):
            if split not in counts:
                continue
            part, classes = parts[split], np.flatnonzero(counts[split])
            if [names[at] for at in classes] == [NO_LABEL] and not counts["train"][classes[0]]:
                forms = {f"'{NO_LABEL}'": part.rows}
                raise InputError(without_labels(split, part.place, forms, counts))
            for number in np.flatnonzero((counts[split] > 0) & (counts["train"] == 0)).tolist():
                in_split = np.flatnonzero(part.rows_of_code)
                code = next(code for code in in_split if self.class_of_code[code] == number)
                near = alike(names[number], (names[at] for at in present))
                hint = f" (train has {quoted(near, 40)})" if near else ""
                rows = counted(counts[split][number], f"{split} rows")
                raise InputError(
                    f"{vocabulary.places[code]}: label {quoted(names[number], 40)} is in "
                    f"{rows} but in no training row{hint}; "
                    "add training rows of it or remove these; data.missing_labels lists what means "
                    "no label"
                )

    def warnings(
        self,
        parts: Mapping[str, TextPart],
        written: Mapping[str, Written],
        repeated: list[str],
    ) -> list[str]:
        """Classes missing in a split, rows without a label, suspicious labels, and
        empty texts."""
        found = []
        of_train = self._counts["train"] > 0
        whole = self._whole()
        if absent := self._named(whole):
            needed = parts_of_train(self._counts)
            found.append(
                f"no row of class {listed(absent)} is cut from train, so none is tested: expected "
                f"at least {needed} rows{self._header(whole)}"
            )
        for split, rows in self._counts.items():
            if absent := self._named(rows == 0):
                found.append(f"no {split} row of class {listed(absent)}")
        for split, one in written.items():
            absent = self._named((one.labels == 0) & of_train & ~whole)
            if absent and (split == "train" or split not in self._counts):
                found.append(f"no {split} row of class {listed(absent)}, as the rows were cut")
        for split, part in parts.items():
            found += self._sides.warnings(part)
            if part.missing:
                forms = ", ".join(f"{count} {form}" for form, count in part.missing.most_common(6))
                said = f"{split} rows have no label and are left out"
                found.append(
                    f"{counted(part.missing.total(), said)} ({forms}), the first at "
                    f"{part.first_missing}; data.missing_labels says what counts as none"
                )
        if self._settings.label_names is None and self._source.label_names is None:
            found += self._doubts()
        for split, part in parts.items():
            if part.empty:
                found.append(
                    f"{counted(part.empty, 'empty texts')} in the source's {split} rows, the first "
                    f"at {part.first_empty}"
                )
        return found + repeated

    def _whole(self) -> np.ndarray:
        """The classes with so few rows that all stay in train, as a mask [classes]."""
        by_class = not (self._settings.group or self._settings.time)
        return too_few(self._counts) & by_class

    def _header(self, whole: np.ndarray) -> str:
        """Advice if the only row of a class may be a header: it is the first, of named columns."""
        first, number = self._vocabulary.places[0], self.class_of_code[0]
        if self._settings.columns is None or not first.endswith(":1") or not whole[number]:
            return ""
        return f"; if {quoted(self.label_names[number], 40)} is of a header, leave out data.columns"

    def _named(self, among: np.ndarray) -> list[str]:
        """The classes of a mask."""
        return [name for name, one in zip(self.label_names, among, strict=True) if one]

    def _doubts(self) -> list[str]:
        """Warnings about labels, if their names were not given."""
        rows = np.sum(list(self._counts.values()), axis=0).tolist()
        given, values = self._settings.missing_labels, self._vocabulary.values
        found = []
        if given is None or given:  # [] says that all are classes
            found += maybe_missing(self.label_names, rows, given or self._vocabulary.missing)
        found += near_equal(self.label_names, rows)
        points = [value for value in values if "." in value]
        if points and as_integers(values) and (read := as_integers(points)):
            found.append(f"labels are read as integers: {points[0]} is {read[0]}")
        return found


def _form(label: str) -> str:
    return quoted(label, 20) if label.strip() else "empty"


def without_labels(
    split: str, place: str, missing: Mapping[str, int], splits: Collection[str]
) -> str:
    """The message for a split without any labels; `splits` are those of the source."""
    forms = ", ".join(f"{count} {form}" for form, count in missing.items())
    said = f"{place}: no {split} row has a label ({forms})"
    if split == "train":
        return f"{said}; is data.label the right column?"
    ways = [f"data.{split}_split=train to cut a part of train in its place"]
    if split == "test" and "valid" in splits:
        ways.insert(0, "data.test_split=valid to test on the validation split")
    return f"{said}; they may be secret: set {', or '.join(ways)}"


def _checked(batch: Rows) -> pa.Array:
    try:
        texts = pa.array(batch.texts, type=pa.string())
        is_clean = not pc.any(pc.match_substring(texts, "\0")).as_py()
    except UnicodeEncodeError:
        is_clean = False
    if not is_clean:
        for text, number in zip(batch.texts, batch.numbers, strict=True):
            check_text(text, f"{batch.place}:{number}")
    return texts
