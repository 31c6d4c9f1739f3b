"""What a data set is like in a few numbers: enough to be compared with, small enough to be kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from nightloom.data.checks.languages import languages
from nightloom.data.checks.rows import CheckedRows
from nightloom.data.splits.drawing import content_ranks

BLOCKS = 32
"""Parts of the rows by which is seen how much counts vary."""
QUANTILES = 101
SUMMARY_FILE = "summary.json"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Numbers of some rows."""

    rows: int
    empty: float
    """Share of them."""
    repeated: float
    contradictory: float
    counts: Mapping[str, int]
    """How often each class, or type of entities, stands in them."""
    crowding: float
    """How many times the variance of these counts is what independent ones would have."""
    lengths: tuple[float, ...]
    """Quantiles of the characters of a row, from the least to the most."""
    languages: Mapping[str, int]
    """Of those that were looked at."""

    @property
    def counted(self) -> int:
        """What was counted, all told."""
        return sum(self.counts.values())

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises KeyError and TypeError for what is no such JSON.
        """
        known = {name: given[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "lengths": tuple(given["lengths"])})


def profile(
    rows: CheckedRows, among: np.ndarray | None = None, texts: Sequence[str] | None = None
) -> Profile:
    """The numbers of all rows, or of some, a mask of shape [rows]: the new ones, or those of which
    texts are given."""
    chosen = np.ones(len(rows), dtype=bool) if among is None else among
    content, labels = rows.content[chosen], rows.labels[chosen]
    blocks = _by_block(rows, chosen)
    if texts is None:
        texts = rows.sample.texts if among is None else rows.fresh.texts
    number = int(chosen.sum())
    return Profile(
        rows=number,
        empty=_share(rows.lengths[chosen] == 0),
        repeated=1 - len(np.unique(content)) / number if number else 0.0,
        contradictory=_contradictory(content, labels),
        counts=dict(zip(rows.kind.names, blocks.sum(axis=0).tolist(), strict=True)),
        crowding=_crowding(blocks),
        lengths=_quantiles(rows.lengths[chosen]),
        languages=dict(sorted(languages(texts).items())),
    )


def _by_block(rows: CheckedRows, chosen: np.ndarray) -> np.ndarray:
    """Counts in each part of the rows, int64 of shape [blocks, names]."""
    names = len(rows.kind.names)
    block = content_ranks(rows.content, seed=0, purpose="block") % np.uint64(BLOCKS)
    row, name = rows.counted[chosen[rows.counted[:, 0]]].T
    at = block[row].astype(np.int64) * names + name
    return np.bincount(at, minlength=BLOCKS * names).reshape(BLOCKS, names)


def _crowding(blocks: np.ndarray) -> float:
    """From the variance between parts; 1 where they are too few to tell."""
    totals = blocks.sum(axis=1)
    if totals.min() < 10:
        return 1.0
    share = blocks.sum(axis=0) / totals.sum()
    expected = totals[:, None] * share
    possible = share > 0
    if possible.sum() < 2:
        return 1.0
    chi = ((blocks - expected)[:, possible] ** 2 / expected[:, possible]).sum()
    return max(1.0, float(chi / ((BLOCKS - 1) * (possible.sum() - 1))))


def _contradictory(content: np.ndarray, labels: np.ndarray) -> float:
    """The share of rows that say what another one with another label says."""
    if not len(content):
        return 0.0
    order = np.lexsort((labels, content))
    content, labels = content[order], labels[order]
    is_next = np.concatenate([[False], content[1:] == content[:-1]])
    differs = is_next & np.concatenate([[False], labels[1:] != labels[:-1]])
    group = np.cumsum(~is_next) - 1
    return float(np.bincount(group)[np.unique(group[differs])].sum() / len(content))


def _quantiles(lengths: np.ndarray) -> tuple[float, ...]:
    if not len(lengths):
        return ()
    return tuple(np.quantile(lengths, np.linspace(0, 1, QUANTILES)).tolist())


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if len(mask) else 0.0
