"""Scores of an entity tagger: whole entities, strictly IOB2, as seqeval counts them.

seqeval: Nakayama (2018), the Python port of the CoNLL-2000 `conlleval` script.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from nightloom.errors import InputError
from nightloom.evaluation.scores import Scores

Sentences = Sequence[Sequence[str]]


class EntityMetrics(TypedDict):
    """All metrics of one tagger, ready for JSON; undefined values are 0.

    `f1`, `precision` and `recall` are micro averages over all entities: one is right when its type
    and both its ends are.
    """

    sentences: int
    tokens: int
    f1: float
    precision: float
    recall: float
    accuracy: float
    """Share of the tokens whose tag is right."""
    by_type: dict[str, Scores]


def entity_metrics(*, gold: Sentences, predicted: Sentences, types: Sequence[str]) -> EntityMetrics:
    """All metrics of one tagger.

    gold, predicted: per sentence the IOB2 tag of each token; types: entity types to report.

    Raises InputError without tokens, ValueError if the two differ in length.
    """
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    check_lengths(gold, predicted)
    tokens = sum(len(tags) for tags in gold)
    if not tokens:
        raise InputError("The test split has no tokens, so there is nothing to evaluate on.")
    right = sum(
        a == b
        for wanted, got in zip(gold, predicted, strict=True)
        for a, b in zip(wanted, got, strict=True)
    )
    report: Mapping[str, Any] = {}
    if any(tag[:2] == "B-" for part in (gold, predicted) for tags in part for tag in tags):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # seqeval warns of every 0/0; they are 0 here
            report = classification_report(
                [list(tags) for tags in gold],
                [list(tags) for tags in predicted],
                mode="strict",
                scheme=IOB2,
                output_dict=True,
                zero_division=0,
            )
    averages = ("micro avg", "macro avg", "weighted avg")
    seen = [name for name in report if name not in averages]
    total = _line(report.get("micro avg"))
    return {
        "sentences": len(gold),
        "tokens": tokens,
        "f1": total["f1"],
        "precision": total["precision"],
        "recall": total["recall"],
        "accuracy": right / tokens,
        "by_type": {
            name: _line(report.get(name)) for name in [*types, *sorted({*seen} - {*types})]
        },
    }


def check_lengths(gold: Sentences, predicted: Sentences) -> None:
    """Raise ValueError unless every sentence has as many predicted tags as gold ones."""
    if len(gold) != len(predicted):
        raise ValueError(
            f"Expected predictions for {len(gold)} sentences. Received: {len(predicted)}"
        )
    for i, (wanted, got) in enumerate(zip(gold, predicted, strict=True)):
        if len(wanted) != len(got):
            raise ValueError(
                f"Expected {len(wanted)} predicted tags in sentence {i}. Received: {len(got)}"
            )


def _line(scores: Mapping[str, Any] | None) -> Scores:
    if scores is None:
        return {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    return {
        "precision": float(scores["precision"]),
        "recall": float(scores["recall"]),
        "f1": float(scores["f1-score"]),
        "support": int(scores["support"]),
    }
