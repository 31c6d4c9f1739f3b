"""Models over many nights as one picture, which needs no server that gives files."""

import base64
import io
from collections.abc import Sequence
from datetime import datetime

from nightloom.evaluation.plots import BLUE, INK, ORANGE, new_figure
from nightloom.registry.night_record import NightRecord
from nightloom.reporting.trend import by_model, same_metric

WIDTH, HEIGHT = 8.0, 1.6
"""Inches: of the picture, and of each model in it."""
COLOURS = 32
"""Few, so that the picture of a night takes little of Prefect's database."""
MOST = 20
"""Models of a picture: the others are in the table alone."""


def trend_picture(records: Sequence[NightRecord]) -> str:
    """A PNG as a `data:` URL: each model's metric by night, and the nights that it was promoted in.

    Empty where no night of any model has a value. Of more than `MOST` models the first are shown.
    """
    curves = {
        model: [(one, value) for one, value in zip(nights, same_metric(nights), strict=True)]
        for model, nights in by_model(records).items()
    }
    shown = {
        model: known
        for model, nights in curves.items()
        if (known := [(one, value) for one, value in nights if value is not None])
    }
    if not shown:
        return ""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from PIL import Image

    names = list(shown)[:MOST]
    figure, _ = new_figure(WIDTH, HEIGHT * len(names) + 0.2, rows=len(names))
    for axes, name in zip(figure.axes, names, strict=True):
        nights = [(datetime.fromtimestamp(one.when), value) for one, value in shown[name]]
        axes.plot(*zip(*nights, strict=True), color=BLUE, marker="o", markersize=3, linewidth=1.2)
        promoted = [
            night
            for night, (one, _) in zip(nights, shown[name], strict=True)
            if one.verdict == "promoted"
        ]
        if promoted:
            axes.plot(*zip(*promoted, strict=True), color=ORANGE, marker="o", linestyle="none")
        metric = shown[name][-1][0].metric
        title = f"{name}, {metric}".replace("$", r"\$")
        axes.set_title(title, loc="left", fontsize=10, color=INK)
        axes.margins(y=0.2)
        axes.sharex(figure.axes[0])
        days = AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(days)
        told = ConciseDateFormatter(days)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(told)
    drawn, written = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80)
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(written, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode("ascii")
