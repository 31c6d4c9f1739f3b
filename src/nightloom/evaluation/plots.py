"""Plots as PNG: small, readable at half size, with bytes that depend only on the numbers.

They use matplotlib's object interface, which keeps no state between plots.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.evaluation.scores import Scores

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#333333"
PALE = "#dddddd"
BLUE = "#2f6db3"
ORANGE = "#d9822b"
DPI = 110
MOST_NAMED = 30  # more classes than this cannot be labelled legibly


def plot_confusion(*, counts: Sequence[Sequence[int]], names: Sequence[str], path: Path) -> None:
    """Confusion matrix; counts: gold by predicted. Shade: share of the gold class."""
    import numpy as np

    table = np.asarray(counts)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    size = min(max(4.2, 1.8 + 0.62 * len(names)), 14)
    figure, axes = new_figure(size + 0.6, size)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold")
    if len(names) <= MOST_NAMED:
        ticks = range(len(names))
        turned = max(map(len, names)) * len(names) > 40
        axes.set_xticks(ticks, _short(names), rotation=45 if turned else 0)
        if turned:
            for label in axes.get_xticklabels():
                label.set_horizontalalignment("right")
        axes.set_yticks(ticks, _short(names))
        small = 9 if len(names) <= 12 else 6
        for i, j in np.ndindex(*table.shape):
            colour = "white" if share[i, j] > 0.55 else INK
            axes.text(
                j, i, f"{table[i, j]:,}", ha="center", va="center", color=colour, fontsize=small
            )
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    right = np.trace(table) / max(table.sum(), 1)
    axes.set_title(f"{table.sum():,} test rows, {right:.1%} right")
    save_figure(figure, path)


def plot_reliability(*, table: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Reliability diagram with rows per bin; table: as from `calibration.reliability`."""
    figure, (axes, below) = new_figure(4.8, 5.2, rows=2, heights=(3, 1))
    filled = [line for line in table if line["rows"]]
    width = table[0]["high"] - table[0]["low"]
    middles = [(line["low"] + line["high"]) / 2 for line in filled]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.bar(middles, [line["accuracy"] for line in filled], width=width * 0.92, color=BLUE)
    axes.plot(
        [line["confidence"] for line in filled],
        [line["accuracy"] for line in filled],
        color=ORANGE,
        marker="o",
        markersize=4,
        linewidth=1,
    )
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right", title="Reliability")
    axes.set_xticklabels([])
    below.bar(middles, [line["rows"] for line in filled], width=width * 0.92, color=PALE)
    below.set(xlim=(0, 1), ylabel="rows", xlabel="probability of the predicted class")
    save_figure(figure, path)


def plot_history(*, history: "pandas.DataFrame", path: Path) -> None:
    """Learning curves: losses in one panel, all other metrics in the second.

    history: one row per epoch; a column `epoch`, then numeric columns, of which those with `loss`
    in their name go to the left panel.
    """
    import pandas

    numeric = [
        name
        for name in history.columns
        if name not in ("epoch", "learning_rate")
        and pandas.api.types.is_numeric_dtype(history[name])
    ]
    losses = [name for name in numeric if "loss" in name]
    others = [name for name in numeric if "loss" not in name and history[name].abs().max() <= 1]
    panels = [part for part in (losses, others) if part]
    figure, axes = new_figure(4.4 * max(len(panels), 1), 3.4, columns=max(len(panels), 1))
    for panel, part in zip(axes if len(panels) > 1 else [axes], panels, strict=False):
        for name, colour in zip(part, _colours(len(part)), strict=True):
            drawn = history[["epoch", name]].dropna()
            panel.plot(drawn["epoch"], drawn[name], color=colour, marker="o", markersize=3)
            panel.lines[-1].set_label(name)
        panel.set(xlabel="epoch", title="loss" if part is losses else "metrics")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(color=PALE, linewidth=0.6)
        panel.legend(frameon=False, fontsize=9)
    save_figure(figure, path)


def plot_scores(*, scores: Mapping[str, Scores], path: Path) -> None:
    """F1 of each class or entity type, best first; scores: `by_class` or `by_type`."""
    best = sorted(scores, key=lambda name: (-scores[name]["f1"], name))[: 2 * MOST_NAMED]
    figure, axes = new_figure(6.0, max(1.9, 1.0 + 0.32 * len(best)))
    values = [scores[name]["f1"] for name in best]
    places = list(range(len(best)))
    axes.barh(places, values, color=BLUE, height=0.7)
    axes.set_yticks(places, _short(best))
    axes.invert_yaxis()
    for place, name in zip(places, best, strict=True):
        value, support = scores[name]["f1"], int(scores[name]["support"])
        inside = value > 0.3
        axes.text(
            value - 0.01 if inside else value + 0.01,
            place,
            f"{value:.3f}  ({support:,})",
            va="center",
            ha="right" if inside else "left",
            color="white" if inside else INK,
            fontsize=9,
        )
    axes.set(xlim=(0, 1), title="F1 (number of gold examples)")
    axes.tick_params(axis="y", length=0)
    save_figure(figure, path)


def plot_counts(*, counts: Mapping[str, int], title: str, path: Path) -> None:
    """A bar chart of counts, in the given order."""
    figure, axes = new_figure(6.0, max(1.9, 1.0 + 0.32 * len(counts)))
    places = list(range(len(counts)))
    axes.barh(places, list(counts.values()), color=ORANGE, height=0.7)
    axes.set_yticks(places, _short(list(counts)))
    axes.invert_yaxis()
    for place, value in zip(places, counts.values(), strict=True):
        axes.text(value, place, f" {value:,}", va="center", color=INK, fontsize=9)
    axes.set(xlim=(0, max([*counts.values(), 1]) * 1.12), title=title)
    axes.tick_params(axis="y", length=0)
    save_figure(figure, path)


def new_figure(
    width: float,
    height: float,
    *,
    rows: int = 1,
    columns: int = 1,
    heights: Sequence[float] | None = None,
) -> tuple["Figure", Any]:
    """A figure in the common style, sizes in inches, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, height_ratios=heights)
    for one in figure.axes:
        _plain(one)
    return figure, axes


def _plain(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(colors=INK, labelsize=9)
    axes.title.set(color=INK, fontsize=11)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.set_axisbelow(True)


def _colours(number: int) -> list[Any]:
    from matplotlib import colormaps

    palette = [BLUE, ORANGE, *map(colormaps["Dark2"], range(8))]
    return [palette[i % len(palette)] for i in range(number)]


def _short(names: Sequence[str]) -> list[str]:
    clean = [name.replace("$", r"\$") for name in names]
    return [name if len(name) <= 24 else name[:23] + "…" for name in clean]


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, without software metadata."""
    figure.savefig(path, format="png", metadata={"Software": None})
