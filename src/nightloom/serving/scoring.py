"""Texts → answers of a registered version, for `nightloom predict` and for the flow `score`.

With a threshold the version abstains: an answer that is less probable is none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nightloom.serving.predictor import Answer, load_both

if TYPE_CHECKING:
    from nightloom.serving.answers.classes import SavedClassifier
    from nightloom.serving.answers.entities import EntityPredictor

DIGITS = 6
"""Digits of a probability after the point."""
TEXT, NUMBER, WHOLE, TRUTH, ENTITIES = "text", "number", "whole", "truth", "entities"
"""Kinds of columns."""


@dataclass(frozen=True)
class Column:
    """A column of answers: its name, its kind, a value for each text."""

    name: str
    kind: str
    values: list[Any]


class Answers(Protocol):
    """Answers to some texts, in order."""

    @property
    def answered(self) -> int:
        """To how many texts there is an answer."""

    def rows(self) -> Iterator[Answer]:
        """Each as plain JSON."""

    def columns(self, taken: Sequence[str] = ()) -> list[Column]:
        """All as columns; a class whose name is taken gets the suffix ` (class)`."""


class Answering(Protocol):
    """A version that answers."""

    def __call__(self, texts: list[str], *, batch_size: int) -> Answers:
        """The answers, in order."""


def open_version(folder: Path, *, threshold: float | None = None) -> Answering:
    """Load the version whose files are in `folder`.

    threshold: from which probability on an answer is given; None: each is.

    Raises:
        InputError: They were not written by nightloom.
    """
    saved, predictor = load_both(folder)
    from nightloom.serving.answers.classes import SavedClassifier

    if isinstance(saved, SavedClassifier):
        return ClassAnswering(saved, threshold)
    return EntityAnswering(predictor, threshold)


@dataclass(frozen=True)
class ClassAnswers:
    """Answers of a classifier."""

    texts: list[str]
    names: Sequence[str]
    probabilities: np.ndarray
    """float32 [texts, classes]"""
    threshold: float | None

    @property
    def answered(self) -> int:
        """See Answers."""
        return int(self._given().sum())

    def _given(self) -> np.ndarray:
        if self.threshold is None or not self.texts:
            return np.ones(len(self.texts), bool)
        given: np.ndarray = self.probabilities.max(axis=1) >= np.float32(self.threshold)
        return given

    def _labels(self) -> list[str | None]:
        best = self.probabilities.argmax(axis=1) if self.texts else np.zeros(0, np.int64)
        given = self._given()
        return [self.names[n] if known else None for n, known in zip(best, given, strict=True)]

    def rows(self) -> Iterator[Answer]:
        """`text`, `label`, with a threshold `answered`, `probabilities` by label."""
        for text, label, row in zip(
            self.texts, self._labels(), self.probabilities.tolist(), strict=True
        ):
            marked = {} if self.threshold is None else {"answered": label is not None}
            rounded = (round(value, DIGITS) for value in row)
            by_name = dict(zip(self.names, rounded, strict=True))
            yield {"text": text, "label": label, **marked, "probabilities": by_name}

    def columns(self, taken: Sequence[str] = ()) -> list[Column]:
        """`text`, `label`, `probability` of the most probable class, each class's."""
        labels = self._labels()
        best = self.probabilities.max(axis=1) if self.texts else np.zeros(0, np.float32)
        found = [
            Column("text", TEXT, self.texts),
            Column("label", TEXT, labels),
            Column("probability", NUMBER, _rounded(best)),
        ]
        if self.threshold is not None:
            found.append(Column("answered", TRUTH, [label is not None for label in labels]))
        used = {*taken, *(column.name for column in found)}
        for number, name in enumerate(self.names):
            while name in used:
                name = f"{name} (class)"
            used.add(name)
            found.append(Column(name, NUMBER, _rounded(self.probabilities[:, number])))
        return found


def _rounded(values: np.ndarray) -> list[float]:
    return [round(value, DIGITS) for value in values.tolist()]


class ClassAnswering:
    """A classifier."""

    def __init__(self, saved: "SavedClassifier", threshold: float | None) -> None:
        self._saved = saved
        self._threshold = threshold

    def __call__(self, texts: list[str], *, batch_size: int) -> ClassAnswers:
        """See Answering; texts are batched by length."""
        import tensorflow as tf

        from nightloom.serving.answers.texts import as_bytes

        names = self._saved.label_names
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        found = np.zeros((len(texts), len(names)), np.float32)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            given = tf.constant(as_bytes([texts[n] for n in chosen]))
            found[chosen] = self._saved._classify(text=given)["probabilities"].numpy()
        return ClassAnswers(texts, names, found, self._threshold)


@dataclass(frozen=True)
class EntityAnswers:
    """Answers of a tagger."""

    texts: list[str]
    entities: list[list[dict[str, Any]]]
    left_out: list[int] | None
    """How many entities of each text are less probable than wanted; None without a threshold."""

    @property
    def answered(self) -> int:
        """Texts of which nothing was left out."""
        return len(self.texts) - sum(map(bool, self.left_out or ()))

    def rows(self) -> Iterator[Answer]:
        """`text`, `entities`, with a threshold `left_out`."""
        for number, (text, entities) in enumerate(zip(self.texts, self.entities, strict=True)):
            marked = {} if self.left_out is None else {"left_out": self.left_out[number]}
            yield {"text": text, "entities": entities, **marked}

    def columns(self, taken: Sequence[str] = ()) -> list[Column]:
        """The same as columns."""
        del taken
        found = [Column("text", TEXT, self.texts), Column("entities", ENTITIES, self.entities)]
        if self.left_out is not None:
            found.append(Column("left_out", WHOLE, self.left_out))
        return found


class EntityAnswering:
    """A tagger."""

    def __init__(self, predictor: "EntityPredictor", threshold: float | None) -> None:
        self._predictor = predictor
        self._threshold = threshold

    def __call__(self, texts: list[str], *, batch_size: int) -> EntityAnswers:
        """See Answering; with a threshold, entities that are less probable are left out."""
        answers = self._predictor.predict(texts, batch_size=batch_size)
        entities = [answer["entities"] for answer in answers]
        if self._threshold is None:
            return EntityAnswers(texts, entities, None)
        kept = [[one for one in found if one["score"] >= self._threshold] for found in entities]
        left = [len(found) - len(rest) for found, rest in zip(entities, kept, strict=True)]
        return EntityAnswers(texts, kept, left)
