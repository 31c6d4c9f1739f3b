"""What a picture would show, as rows of a table: curves as blocks, confusions as counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from nightloom.reporting.blocks import blocks, thinned
from nightloom.reporting.rows import Row

MOST_COLUMNS = 6
"""Classes of a matrix; a wider one leaves the page."""
MOST_CONFUSIONS = 20
SHOWN_CURVES = 4


def learning_curves(history: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Losses and validation scores over the epochs, one row each.

    history: one row per epoch, with `epoch`, `loss` and `valid_...`. One epoch makes no curve.
    """
    rows = [row for row in history if row.get("epoch") is not None]
    if len(rows) < 2:
        return []
    names = [
        name
        for name in rows[0]
        if name == "loss" or name.startswith("valid_")
        if all(isinstance(row.get(name), int | float) for row in rows)
    ][:SHOWN_CURVES]
    return [
        {
            "curve": name.replace("valid_", "validation ").replace("_", " "),
            f"epochs 1 to {len(rows)}": blocks(thinned([float(row[name]) for row in rows])),
            "first": float(rows[0][name]),
            "last": float(rows[-1][name]),
        }
        for name in names
    ]


def confusion_table(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> list[Row]:
    """Few classes as a matrix, gold by predicted; of many the largest confusions, largest first."""
    if len(labels) < 2:
        return []
    if len(labels) <= MOST_COLUMNS:
        return [
            {"gold ↓ predicted →": name, **dict(zip(labels, row, strict=True))}
            for name, row in zip(labels, counts, strict=True)
        ]
    pairs = [
        (count, sum(counts[gold]), labels[gold], labels[predicted])
        for gold, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if gold != predicted and count
    ]
    largest = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:MOST_CONFUSIONS]
    return [
        {"gold": gold, "predicted": predicted, "rows": count, "of its class": f"{count / all_:.1%}"}
        for count, all_, gold, predicted in largest
    ]


def over_days(points: Sequence[tuple[str, float]], metric: str) -> str:
    """A metric over days, each as YYYY-MM-DD, on one line; '' for fewer than two."""
    if len(points) < 2:
        return ""
    values = [value for _, value in points]
    line = blocks(thinned(values))
    named = metric.replace("_", " ")
    return (
        f"{named}, {points[0][0]} to {points[-1][0]}: {line} {min(values):.4f} to {max(values):.4f}"
    )
