"""Labels: from values in rows to class numbers and names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from nightloom.data.labels.names import as_integers, visible_part
from nightloom.discretion import data_meant, data_quoted
from nightloom.errors import InputError
from nightloom.settings.spelling import listed

MOST_CLASSES = 10_000
MISSING = -1
"""The code of a missing label."""


class LabelVocabulary:
    """The distinct labels of a source in order of appearance, and where each was first seen.

    `missing` are labels that mean missing, besides empty or invisible ones; the attribute holds
    those encountered.
    """

    def __init__(self, missing: Collection[str] = ()) -> None:
        self._missing = missing
        self.missing: list[str] = []
        self.values: list[str] = []
        self.places: list[str] = []
        self._codes: dict[str, int] = {}

    def encode(self, labels: Sequence[str], numbers: Sequence[int], path: str) -> np.ndarray:
        """Codes (int32, [rows]) of labels, MISSING for none; surrounding space is ignored.

        `numbers` are the rows' line numbers in `path`. Raises InputError for more than
        MOST_CLASSES distinct labels.
        """
        codes = self._codes
        try:
            return np.array([codes[label] for label in labels], dtype=np.int32)
        except KeyError:
            for label, number in zip(labels, numbers, strict=True):
                if label not in codes:
                    self._add(label, f"{path}:{number}")
        return np.array([codes[label] for label in labels], dtype=np.int32)

    def _add(self, label: str, place: str) -> None:
        value = label.strip()
        if value in self._missing or not visible_part(value):
            self._codes[label] = MISSING
            if value in self._missing and value not in self.missing:
                self.missing.append(value)
            return
        if value not in self._codes:
            if len(self.values) >= MOST_CLASSES:
                raise InputError(
                    f"{place}: more than {MOST_CLASSES} distinct labels, the last "
                    f"{data_quoted(value, 40)}; is data.label the right column?"
                )
            self._codes[value] = len(self.values)
            self.values.append(value)
            self.places.append(place)
        self._codes[label] = self._codes[value]


@dataclass(frozen=True, slots=True)
class ResolvedLabels:
    """Class names in order, the class of each vocabulary code, and how they were decided."""

    names: tuple[str, ...]
    class_of_code: np.ndarray
    read_as: str


def resolve_labels(
    vocabulary: LabelVocabulary, names: tuple[str, ...] | None, *, base: int | None = None
) -> ResolvedLabels:
    """Decide which class each label means, looking at the labels of all splits together.

    Without `names`, the sorted labels are the classes (integers by value, 1.0 being 1). With
    `names`, labels are the names themselves, else integers counted from `base`; by default a label
    0 or a label n (of n names) settles it. Raises InputError if a label fits neither.
    """
    values = vocabulary.values
    integers = as_integers(values)
    if names is None:
        values = integers or values
        ordered = tuple(sorted(set(values), key=(lambda v: (int(v), v)) if integers else None))
        return _resolved(ordered, [ordered.index(value) for value in values], "sorted values")
    if all(value in names for value in values) and base is None:
        return _resolved(names, [names.index(value) for value in values], "names")
    if integers is None:
        raise _unknown_label(vocabulary, names, base)
    given = "" if base is None else f"data.label_base={base} of "
    if base is None:
        base = _see_base(vocabulary, integers, names)
    classes = [int(value) - base for value in integers]
    for code, number in enumerate(classes):
        if not 0 <= number < len(names):
            raise InputError(
                f"{vocabulary.places[code]}: label {values[code]} is out of range; expected "
                f"{base} to {base + len(names) - 1} for {given}data.label_names "
                f"({listed(names)}); is data.label the right column?"
            )
    return _resolved(names, classes, f"integers from {base}")


def _resolved(names: tuple[str, ...], classes: list[int], read_as: str) -> ResolvedLabels:
    return ResolvedLabels(names, np.array(classes, dtype=np.int32), read_as)


def _see_base(vocabulary: LabelVocabulary, integers: Sequence[str], names: tuple[str, ...]) -> int:
    numbers = [int(value) for value in integers]
    if 0 in numbers:
        return 0
    if len(names) in numbers:
        return 1
    low, high = min(numbers), max(numbers)
    if low > 0 and high < len(names):
        raise InputError(
            f"{vocabulary.places[0]}: labels {low} to {high} of {len(names)} data.label_names can "
            "be counted from 0 or from 1; set data.label_base to 0 or 1"
        )
    return 0 if low < 0 else 1


def _unknown_label(
    vocabulary: LabelVocabulary, names: tuple[str, ...], base: int | None
) -> InputError:
    strange = [i for i, value in enumerate(vocabulary.values) if value not in names]
    if base is not None and not strange:
        return InputError(
            f"{vocabulary.places[0]}: data.label_base={base} is for integers, but the labels are "
            "names of data.label_names; leave out data.label_base, or name a column of integers "
            "in data.label"
        )
    code = strange[0]
    value = vocabulary.values[code]
    hint = data_meant(value, names)
    return InputError(
        f"{vocabulary.places[code]}: label {data_quoted(value, 40)} is not in "
        f"data.label_names ({listed(names)}){hint}"
    )
