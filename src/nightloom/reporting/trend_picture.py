"""Models over many nights as one picture, which needs no server that gives files."""

import base64
import io
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from nightloom.evaluation.plots import BLUE, INK, ORANGE, new_figure
from nightloom.registry.nights.record import NightRecord
from nightloom.reporting.trend import by_model, same_metric

WIDTH, HEIGHT = 8.0, 1.6
"""Inches: of the picture, and of each model in it."""
COLOURS = 32
"""Few, so that the picture of a night takes little of Prefect's database."""
MOST = 20
"""Models of a picture: the others are in the table alone."""
WEEK = timedelta(days=7)
"""The least time that a picture shows."""
TITLE = 10
"""Points."""


def trend_picture(records: Sequence[NightRecord]) -> str:
    """A PNG as a `data:` URL: each model's metric by night, and the nights that it was promoted in.

    Nights are at the hour that they are called after. Empty where no night of any model has a
    value. Of more than `MOST` models the first are shown.
    """
    curves = {
        model: [(one, value) for one, value in zip(nights, same_metric(nights), strict=True)]
        for model, nights in by_model(records).items()
    }
    shown = {
        model: known
        for model, nights in curves.items()
        if (known := [(_hour(one), one, value) for one, value in nights if _is_number(value)])
    }
    if not shown:
        return ""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
    from PIL import Image

    names = list(shown)[:MOST]
    figure, _ = new_figure(WIDTH, HEIGHT * len(names) + 0.2, rows=len(names))
    for axes, name in zip(figure.axes, names, strict=True):
        nights = [(hour, value) for hour, _, value in shown[name]]
        axes.plot(*zip(*nights, strict=True), color=BLUE, marker="o", markersize=3, linewidth=1.2)
        promoted = [
            night
            for night, (_, one, _) in zip(nights, shown[name], strict=True)
            if one.verdict == "promoted"
        ]
        if promoted:
            axes.plot(*zip(*promoted, strict=True), color=ORANGE, marker="o", linestyle="none")
        title = _title(name, f", {shown[name][-1][1].metric}")
        axes.set_title(title, loc="left", fontsize=TITLE, color=INK)
        axes.margins(y=0.2)
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.sharex(figure.axes[0])
        days = AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(days)
        told = ConciseDateFormatter(days)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(told)
    hours = [hour for name in names for hour, _, _ in shown[name]]
    first, last = min(hours), max(hours)
    if last - first < WEEK:
        ends = (last - 0.95 * WEEK, last + 0.05 * WEEK)
        week = date2num(ends)  # type: ignore[no-untyped-call]
        figure.axes[0].set_xlim(week[0], week[1])
    drawn, written = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80)
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(written, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def _hour(one: NightRecord) -> datetime:
    """When a night was, in the zone of its schedule."""
    try:
        return datetime.strptime(one.day, "%Y-%m-%d %H:%M")
    except ValueError:
        return datetime.fromtimestamp(one.when)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _title(name: str, after: str) -> str:
    """A line over a model's part; a name that is too long for it loses its middle."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    def points(text: str) -> float:
        font = FontProperties(size=TITLE)
        return float(TextPath((0, 0), text, prop=font).get_extents().width)

    shown, kept = f"{name}{after}".replace("$", r"\$"), len(name)
    while points(shown) > 0.9 * 72 * WIDTH and kept > 2:
        kept -= 1
        shown = f"{name[: (kept + 1) // 2]}…{name[-(kept // 2) :]}{after}".replace("$", r"\$")
    return shown
