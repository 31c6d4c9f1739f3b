"""Charts as Mermaid text, which Prefect's UI renders; it shows no inline images.

Syntax: mermaid.js.org, `xychart-beta` for curves and `block-beta` for a grid of shaded cells.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Point = TypeVar("Point")
MOST_CLASSES = 12
"""A larger grid is unreadable."""
MOST_POINTS = 30
"""Beyond this, points are thinned out: the axis labels each one."""
LONGEST_LABEL = 24
PALETTE = ("#2f6db3", "#d9822b")
PLAIN = "fill:#ffffff,color:#222222,stroke:#ffffff"
RIGHT, WRONG = (47, 109, 179), (217, 130, 43)


def learning_curves(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Loss and validation scores over the epochs.

    history: one row per epoch, with `epoch`, `loss` and `valid_...`. One epoch makes no curve.
    """
    rows = _thinned([row for row in history if row.get("epoch") is not None])
    if len(rows) < 2:
        return []
    losses = [name for name in ("loss", "valid_loss") if _complete(rows, name)]
    scores = [
        name
        for name in rows[0]
        if name.startswith("valid_") and name != "valid_loss" and _complete(rows, name)
    ][:2]
    return [_curve(rows, names) for names in (losses, scores) if names]


def confusion_grid(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Confusion matrix: counts, gold by predicted, shaded by share of the gold class.

    Empty if there are too many classes.
    """
    size = len(labels)
    if not 2 <= size <= MOST_CLASSES:
        return ""
    lines = ["block-beta", f"  columns {size + 1}", '  corner["gold ↓ predicted →"]']
    lines += [f"  p{i}[{_quoted(name)}]" for i, name in enumerate(labels)]
    styles = [f"  style {name} {PLAIN}" for name in ("corner", *(f"p{i}" for i in range(size)))]
    for i, (name, row) in enumerate(zip(labels, counts, strict=True)):
        lines.append(f"  g{i}[{_quoted(name)}]")
        styles.append(f"  style g{i} {PLAIN}")
        total = max(sum(row), 1)
        for j, count in enumerate(row):
            share = count / total
            lines.append(f'  c{i}_{j}["{count}"]')
            fill = _shade(RIGHT if i == j else WRONG, share)
            ink = "#ffffff" if share > 0.55 else "#222222"
            styles.append(f"  style c{i}_{j} fill:{fill},color:{ink},stroke:#ffffff")
    return "\n".join([*lines, *styles])


def fenced(chart: str) -> str:
    """A chart inside markdown."""
    return f"```mermaid\n{chart}\n```"


def over_days(points: Sequence[tuple[str, float]], metric: str) -> str:
    """A metric over days, each as YYYY-MM-DD; '' for fewer than two."""
    if len(points) < 2:
        return ""
    kept = _thinned(points)
    first, last = points[0][0], points[-1][0]
    return _lines(
        f"{metric.replace('_', ' ')}, {first} to {last}",
        f"day [{', '.join(_quoted(day[5:]) for day, _ in kept)}]",
        [[value for _, value in kept]],
    )


def _curve(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    spoken = [name.replace("valid_", "validation ").replace("_", " ") for name in names]
    words = " and ".join(
        f"{said} ({colour})" for said, colour in zip(spoken, ("blue", "orange"), strict=False)
    )
    epochs = f"epoch [{', '.join(str(int(row['epoch'])) for row in rows)}]"
    return _lines(words, epochs, [[float(row[name]) for row in rows] for name in names])


def _lines(title: str, axis: str, lines: Sequence[Sequence[float]]) -> str:
    """Curves over one axis, each with the values at its marks."""
    values = [value for line in lines for value in line]
    low, high = min(values), max(values)
    margin = (high - low) * 0.1 or 0.01
    colours = ", ".join(PALETTE[: len(lines)])
    theme = {"theme": "base", "themeVariables": {"xyChart": {"plotColorPalette": colours}}}
    return "\n".join(
        [
            f"%%{{init: {json.dumps(theme)}}}%%",
            "xychart-beta",
            f'  title "{title}"',
            f"  x-axis {axis}",
            f"  y-axis {low - margin:.4f} --> {high + margin:.4f}",
            *(f"  line [{', '.join(f'{value:.4f}' for value in line)}]" for line in lines),
        ]
    )


def _complete(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return all(isinstance(row.get(name), int | float) for row in rows)


def _thinned(rows: Sequence[Point]) -> Sequence[Point]:
    if len(rows) <= MOST_POINTS:
        return rows
    last = len(rows) - 1
    return [rows[round(i * last / (MOST_POINTS - 1))] for i in range(MOST_POINTS)]


def _quoted(name: str) -> str:
    """A label: Mermaid cannot escape quotes, and gives some characters a meaning."""
    plain = " ".join(name.split())
    plain = plain if len(plain) <= LONGEST_LABEL else plain[: LONGEST_LABEL - 1] + "…"
    return '"' + "".join(f"#{ord(c)};" if c in '"#<>`&;' else c for c in plain) + '"'


def _shade(colour: tuple[int, int, int], share: float) -> str:
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in colour)
