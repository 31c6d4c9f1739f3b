"""Models' answers to the same test examples, and how two models' are compared.

A model's answers come with what would be right, so that examples are chosen in one place for both.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from nightloom.evaluation.spans import Span, match_counts
from nightloom.gate.paired import Comparison, compare_classifiers, compare_taggers
from nightloom.gate.terms import Terms

RESAMPLES = 2_000


class Answers(ABC):
    """The answers of one model to some test examples."""

    unit: ClassVar[str]
    """What examples are called."""
    kind: ClassVar[str]
    """What `kinds` are called."""
    share: ClassVar[str]
    """The metric of parts of the examples: a ratio of sums over them."""
    metric: str
    kinds: Sequence[str]
    """The classes, or types of entities, that the data have."""

    @abstractmethod
    def __len__(self) -> int:
        """How many examples there are."""

    @abstractmethod
    def compare(
        self, other: Self, terms: Terms, *, resamples: int = RESAMPLES, seed: int = 0
    ) -> Comparison:
        """These answers against another model's, to the same examples."""

    @abstractmethod
    def only(self, keep: np.ndarray) -> Self:
        """Of some examples; keep: bool [examples]."""

    @abstractmethod
    def among(self, kinds: Collection[str]) -> Self:
        """Judged by some kinds alone."""

    @abstractmethod
    def holds(self) -> bool:
        """Whether there is anything to be right about."""

    @abstractmethod
    def perfect(self) -> Self:
        """The answers of a model without a mistake."""

    @abstractmethod
    def won(self, other: Self) -> int:
        """Examples on which these answers have something right and the other's have not."""

    @abstractmethod
    def about(self, kinds: Collection[str]) -> np.ndarray:
        """The examples that `among` keeps, bool [examples]."""

    @abstractmethod
    def right(self) -> np.ndarray:
        """Whether all of an example is right, bool [examples]."""

    @abstractmethod
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """What each example adds to the two sums whose ratio is `share`, float [examples]."""

    @abstractmethod
    def told(self, at: int, words: Sequence[str]) -> tuple[str, str]:
        """What is right and what was answered, of one example, whose words these are."""

    def gain(self, nothing: Self) -> float:
        """One-sided p-value of the hypothesis that these are no better than answers without a
        model; exact, as of McNemar's test on the examples that one of both alone has right."""
        from scipy.stats import binom

        won, lost = self.won(nothing), nothing.won(self)
        return float(binom.cdf(lost, won + lost, 0.5))

    def value(self) -> float:
        """The metric."""
        return self.compare(self, Terms(), resamples=1).new

    def _check(self, *shapes: tuple[int, ...]) -> None:
        if len(set(shapes)) != 1 or not shapes[0][0]:
            raise ValueError(
                f"Expected arrays of one shape, of at least one example. Received: {list(shapes)}"
            )


@dataclass(frozen=True)
class ClassAnswers(Answers):
    """The classes that a classifier gives, by accuracy or macro F1."""

    unit = "rows"
    kind = "classes"
    share = "accuracy"
    labels: np.ndarray
    """int [rows]: what is right."""
    predicted: np.ndarray
    """int [rows]."""
    metric: str = "accuracy"
    kinds: Sequence[str] = ()
    """By number; predictions may have higher ones, of other models' classes."""
    others: Sequence[str] = ()
    """Names of these."""
    counted: np.ndarray | None = None
    """Numbers of the classes that macro F1 is the mean of; None: of all that occur."""

    def __len__(self) -> int:
        """As Answers says."""
        return len(self.labels)

    def of(self, predicted: np.ndarray, *, others: Sequence[str] = ()) -> Self:
        """Another model's answers to the same rows."""
        return replace(self, predicted=predicted, others=others)

    def only(self, keep: np.ndarray) -> Self:
        """As Answers says."""
        return replace(self, labels=self.labels[keep], predicted=self.predicted[keep])

    def among(self, kinds: Collection[str]) -> Self:
        """As Answers says: the rows that are of these classes."""
        return replace(self.only(self.about(kinds)), counted=self._numbers(kinds))

    def about(self, kinds: Collection[str]) -> np.ndarray:
        """As Answers says."""
        return np.isin(self.labels, self._numbers(kinds))

    def _numbers(self, kinds: Collection[str]) -> np.ndarray:
        return np.array([n for n, name in enumerate(self.kinds) if name in kinds], int)

    def right(self) -> np.ndarray:
        """As Answers says."""
        return np.asarray(self.predicted == self.labels)

    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """As Answers says: the rows that are right, and all."""
        return self.right().astype(float), np.ones(len(self))

    def told(self, at: int, words: Sequence[str]) -> tuple[str, str]:
        """As Answers says: two classes."""
        names = [*self.kinds, *self.others]
        return names[self.labels[at]], names[self.predicted[at]]

    def holds(self) -> bool:
        """As Answers says."""
        return len(self) > 0

    def perfect(self) -> Self:
        """As Answers says."""
        return self.of(self.labels)

    def won(self, other: Self) -> int:
        """As Answers says."""
        return int((self.right() & ~other.right()).sum())

    def gain(self, nothing: Self) -> float:
        """As Answers says; by macro F1 of a bootstrap, and of the examples won."""
        if self.metric == "accuracy":
            return super().gain(nothing)
        found = self.compare(nothing, Terms())
        return max(found.gain, 0.5 ** self.won(nothing))

    def compare(
        self, other: Self, terms: Terms, *, resamples: int = RESAMPLES, seed: int = 0
    ) -> Comparison:
        """As Answers says."""
        self._check(*(np.shape(one) for one in (self.labels, self.predicted, other.predicted)))
        return compare_classifiers(
            labels=np.asarray(self.labels),
            new=np.asarray(self.predicted),
            champion=np.asarray(other.predicted),
            metric=self.metric,
            margin=terms.tolerance,
            confidence=terms.confidence,
            resamples=resamples,
            seed=seed,
            classes=self.counted,
        )


@dataclass(frozen=True)
class EntityAnswers(Answers):
    """The entities that a tagger finds, by micro F1."""

    unit = "sentences"
    kind = "types of entities"
    share = "f1"
    gold: Sequence[Sequence[Span]]
    """What is right, by sentence."""
    found: Sequence[Sequence[Span]]
    metric: str = "f1"
    kinds: Sequence[str] = ()

    def __len__(self) -> int:
        """As Answers says."""
        return len(self.gold)

    def of(self, found: Sequence[Sequence[Span]]) -> Self:
        """Another model's answers to the same sentences."""
        return replace(self, found=found)

    def only(self, keep: np.ndarray) -> Self:
        """As Answers says."""
        at = np.flatnonzero(keep).tolist()
        return replace(self, gold=[self.gold[i] for i in at], found=[self.found[i] for i in at])

    def among(self, kinds: Collection[str]) -> Self:
        """As Answers says: the entities that are of these types, in all sentences."""
        gold, found = (
            [[span for span in spans if span.type in kinds] for spans in side]
            for side in (self.gold, self.found)
        )
        return replace(self, gold=gold, found=found)

    def about(self, kinds: Collection[str]) -> np.ndarray:
        """As Answers says: all of them."""
        return np.ones(len(self), bool)

    def right(self) -> np.ndarray:
        """As Answers says: no entity is missed, none is spurious."""
        wrong = match_counts(self.gold, self.found)[:, 1:].sum(axis=1)
        return np.asarray(wrong == 0)

    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """As Answers says: twice the entities that are right, and those of both sides."""
        counts = match_counts(self.gold, self.found).astype(float)
        return 2 * counts[:, 0], 2 * counts[:, 0] + counts[:, 1] + counts[:, 2]

    def told(self, at: int, words: Sequence[str]) -> tuple[str, str]:
        """As Answers says: `Berlin (LOC); Ann Lee (PER)`."""
        right, found = (
            "; ".join(f"{' '.join(words[one.start : one.end])} ({one.type})" for one in spans[at])
            for spans in (self.gold, self.found)
        )
        return right, found

    def holds(self) -> bool:
        """As Answers says."""
        return any(self.gold)

    def perfect(self) -> Self:
        """As Answers says."""
        return self.of(self.gold)

    def won(self, other: Self) -> int:
        """As Answers says."""
        right, theirs = (match_counts(one.gold, one.found)[:, 0] > 0 for one in (self, other))
        return int((right & ~theirs).sum())

    def compare(
        self, other: Self, terms: Terms, *, resamples: int = RESAMPLES, seed: int = 0
    ) -> Comparison:
        """As Answers says."""
        counts, theirs = (match_counts(one.gold, one.found) for one in (self, other))
        self._check(counts.shape, theirs.shape)
        return compare_taggers(
            new=counts,
            champion=theirs,
            margin=terms.tolerance,
            confidence=terms.confidence,
            resamples=resamples,
            seed=seed,
        )
