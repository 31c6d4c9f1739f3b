"""Attention maps of single texts as table and picture: a row per layer, a column per head."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightloom.evaluation.plots import INK, new_figure, save_figure

if TYPE_CHECKING:
    import pandas

MOST_NAMED = 16
"""Longer texts get no token labels on their maps."""


def attention_table(*, text: str, tokens: Sequence[str], maps: np.ndarray) -> "pandas.DataFrame":
    """One row for each layer, head and pair of tokens.

    maps: float32 [layers, heads, tokens, tokens], the weight of each key for each query.
    Columns: text, layer and head (from 0), query and key (positions), their tokens, weight.
    """
    import pandas

    layer, head, query, key = (part.ravel() for part in np.indices(maps.shape))
    names = np.array(tokens, dtype=object)
    return pandas.DataFrame(
        {
            "text": text,
            "layer": layer,
            "head": head,
            "query": query,
            "key": key,
            "query_token": names[query],
            "key_token": names[key],
            "weight": maps.ravel(),
        }
    )


def plot_attentions(*, tokens: Sequence[str], maps: np.ndarray, path: Path) -> None:
    """Plot the maps of one text; maps as in `attention_table`. Dark: full attention."""
    layers, heads = maps.shape[:2]
    figure, axes = new_figure(
        min(1.3 * heads + 1, 30), min(1.35 * layers + 0.6, 40), rows=layers, columns=heads
    )
    grid = np.array(axes, dtype=object).reshape(layers, heads)
    named = len(tokens) <= MOST_NAMED
    for (layer, head), one in np.ndenumerate(grid):
        one.imshow(maps[layer, head], cmap="Blues", vmin=0, vmax=1)
        one.set_xticks([])
        one.set_yticks([])
        if layer == 0:
            one.set_title(f"head {head}", fontsize=8, color=INK)
        if head == 0:
            one.set_ylabel(f"layer {layer}", fontsize=8, color=INK)
            if named:
                labels = [token.replace("$", r"\$") for token in tokens]
                one.set_yticks(range(len(tokens)), labels, fontsize=4)
    save_figure(figure, path)
