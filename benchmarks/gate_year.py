"""A thousand simulated years of the gate: how far down it lets the champion go, and what it costs.

    python -m benchmarks.gate_year [--years 1000] [--rows 7600 1000] [--apart 0.1 0.05 0.18]

Numbers only: a model is the level of its true accuracy and its answers on the rows where models
differ. The rule is `nightloom.gate.rule` itself; `--rule former` is the one without an anchor. A
test split is the same all year, fresh every night, or has a share of its rows replaced each night.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.measuring import machine, show
from nightloom.gate import rule
from nightloom.gate.rule import Compared, by_counts

NIGHTS = 180
SPLITS = {"same": 0.0, "moving": 0.02, "fresh": 1.0}
"""Share of the test rows that is replaced every night."""


def levels() -> dict[str, np.ndarray]:
    """True accuracies of the nights' candidates, less the first champion's; by scenario."""
    night = np.arange(1, NIGHTS + 1)
    bad = {f"one bad night of -{points}": -points / 100 * (night == 90) for points in (1, 2, 5)}
    return {
        "equal candidates": np.zeros(NIGHTS),
        "falling by 0.05 points a night": -0.0005 * night,
        "falling by 0.1 points a night": -0.001 * night,
        "rising by 0.1 points a night": 0.001 * night,
        "up 1 point in 40 nights, then down": np.where(
            night <= 40, 0.00025 * night, 0.01 - 0.00025 * (night - 40)
        ),
        **bad,
    }


@dataclass(frozen=True)
class Year:
    """What became of the champions of some years."""

    fall: np.ndarray
    """How far the champion's true metric fell below the best champion's, at worst; [years]."""
    promoted: np.ndarray
    """Share of the nights with a new champion; [years]."""
    levels: np.ndarray
    """The champion's true level after each night; [nights, years]."""
    proofs: float
    """New anchors a year."""


def former(champion: Compared, anchor: Compared) -> np.ndarray:
    """The rule without an anchor: each night is compared with the night before alone."""
    lost = rule.is_lost(champion, tolerance=0, confidence=rule.CONFIDENCE)
    return np.asarray(~(lost | rule.is_too_low(champion, tolerance=0, slack=rule.SLACK)))


Rule = Callable[[Compared, Compared], np.ndarray]


@dataclass
class Served:
    """Champion and anchor of each simulated year, and their answers on the test rows in doubt.

    A row in doubt is one that models of this kind get right or wrong by chance: of `apart` rows a
    share, two equal models differ in half.
    """

    years: int
    rows: int
    doubt: float
    rng: np.random.Generator
    champion: np.ndarray = field(init=False)
    anchor: np.ndarray = field(init=False)
    same: np.ndarray = field(init=False)
    """Whether the champion is the anchor, [years]."""
    cells: np.ndarray = field(init=False)
    """Rows by who is right: neither, the anchor, the champion, both; int [years, 4]."""

    def __post_init__(self) -> None:
        self.champion, self.anchor = np.zeros(self.years), np.zeros(self.years)
        self.same = np.ones(self.years, bool)
        self.cells = self._drawn(self.rng.binomial(self.rows, self.doubt, self.years))

    def chance(self, level: np.ndarray | float) -> np.ndarray:
        """That a model of this level is right about a row in doubt."""
        return np.clip(0.5 + np.asarray(level) / self.doubt, 0.001, 0.999)

    def replace(self, share: float) -> None:
        """A share of the test rows leaves, as many others come."""
        if share:
            gone = self.rng.binomial(self.cells, share)
            self.cells = self.cells - gone + self._drawn(gone.sum(axis=1))

    def _drawn(self, number: np.ndarray) -> np.ndarray:
        anchored = self.rng.binomial(number, self.chance(self.anchor))
        both = self.rng.binomial(anchored, self.chance(self.champion))
        alone = self.rng.binomial(number - anchored, self.chance(self.champion))
        none = np.zeros_like(number)
        apart = [number - anchored - alone, anchored - both, alone, both]
        one = [number - anchored, none, none, anchored]
        return np.where(self.same[:, None], np.stack(one, 1), np.stack(apart, 1))

    def meet(self, level: float, rule_: Rule) -> tuple[np.ndarray, np.ndarray]:
        """A candidate of this level: in which years it is promoted, and a new anchor."""
        right = self.rng.binomial(self.cells, self.chance(level))
        wrong = self.cells - right
        to_champion = by_counts(wrong[:, 2:].sum(1), right[:, :2].sum(1), self.rows)
        to_anchor = by_counts(wrong[:, 1::2].sum(1), right[:, ::2].sum(1), self.rows)
        promoted = rule_(to_champion, to_anchor)
        proved = promoted & rule.is_proved(to_anchor)
        pairs = [one[:, at::2].sum(1) for one in (wrong, right) for at in (0, 1)]
        none = np.zeros(self.years, int)
        alone = [wrong.sum(1), none, none, right.sum(1)]
        self.cells = np.where(promoted[:, None], np.stack(pairs, 1), self.cells)
        self.cells = np.where(proved[:, None], np.stack(alone, 1), self.cells)
        self.champion = np.where(promoted, level, self.champion)
        self.anchor = np.where(proved, level, self.anchor)
        self.same = np.where(promoted, proved, self.same)
        return promoted, proved


def simulate(
    night_levels: np.ndarray, *, rows: int, apart: float, share: float, years: int, seed: int,
    rule_: Rule = rule.is_promoted,
) -> Year:  # fmt: skip
    """Years of nights.

    night_levels: [nights], of the candidates; apart: share of the rows on which two equal models
    differ; share: of the test rows that is replaced every night.
    """
    served = Served(years, rows, 2 * apart, np.random.default_rng(seed))
    best, fall = np.zeros(years), np.zeros(years)
    promotions, proofs, champions = np.zeros(years), 0, []
    for level in night_levels:
        served.replace(share)
        promoted, proved = served.meet(float(level), rule_)
        best = np.maximum(best, served.champion)
        fall = np.maximum(fall, best - served.champion)
        promotions += promoted
        proofs += int(proved.sum())
        champions.append(served.champion)
    return Year(fall, promotions / len(night_levels), np.stack(champions), proofs / years)


def lines(rows: int, apart: float, *, years: int, seed: int) -> Iterator[str]:
    """The table of one size of test split, as Markdown."""
    margin = rule.SLACK
    yield f"\n{rows:,} test rows, {apart:.0%} of them apart between equal models; {years} years\n"
    yield (
        "| candidates | test split | rule | fall, 95 % of years | years beyond the margin "
        "| promoted | nights behind | new anchors a year |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, nights in levels().items():
        for split, share in SPLITS.items():
            for called, rule_ in (("former", former), ("this", rule.is_promoted)):
                year = simulate(
                    nights, rows=rows, apart=apart, share=share, years=years, seed=seed,
                    rule_=rule_,
                )  # fmt: skip
                behind = np.mean(np.maximum(nights[:, None] - year.levels, 0)) / 0.001
                bad = nights.min() == nights[89] and nights[90] == 0
                through = (
                    f"{(year.levels[89] == nights[89]).mean():.1%} through"
                    if bad and nights[89]
                    else f"{year.promoted.mean():.0%}"
                )
                yield (
                    f"| {name} | {split} | {called} | {np.quantile(year.fall, 0.95) * 100:.2f} "
                    f"| {(year.fall > margin + 1e-9).mean():.1%} | {through} "
                    f"| {f'{behind:.1f}' if name.startswith('rising') else ''} "
                    f"| {year.proofs if rule_ is not former else 0:.2f} |"
                )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--years", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[7600, 1000])
    parser.add_argument("--apart", type=float, nargs="+", default=[0.1, 0.05, 0.18])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    show("gate_year", machine("numpy", "scipy"))
    for apart in options.apart:
        for rows in options.rows:
            for line in lines(rows, apart, years=options.years, seed=options.seed):
                print(line, flush=True)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
