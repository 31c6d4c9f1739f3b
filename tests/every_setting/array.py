"""A covering array: rows in which every pair of values stands, but for pairs that are refused."""

import random
from collections.abc import Collection, Iterator
from itertools import combinations

from allpairspy import AllPairs

from tests.every_setting.values import Values

Setting = tuple[str, str]
"""A dotted name and a value."""
Pair = frozenset[Setting]
Row = dict[str, str]


def all_pairs(values: Values) -> set[Pair]:
    """Every value of every setting with every value of every other one."""
    return {
        frozenset(((one, a), (other, b)))
        for one, other in combinations(values, 2)
        for a in values[one]
        for b in values[other]
    }


def pairs_of(row: Row) -> set[Pair]:
    """The pairs that stand in a row."""
    return {frozenset(pair) for pair in combinations(row.items(), 2)}


def allowed(row: Row, refused: Collection[Pair]) -> bool:
    """Whether no pair of a row, or of a part of one, is known to be refused."""
    items = row.items()
    return not any(pair <= items for pair in refused)


def rows_over(
    values: Values, refused: Collection[Pair], *, tried: list[Row], seed: int
) -> Iterator[Row]:
    """Rows that cover what those tried do not, around what is refused."""
    draw = random.Random(seed)
    names = list(values)
    parameters = [draw.sample(tried_with, len(tried_with)) for tried_with in values.values()]

    def fits(row: list[str]) -> bool:
        return allowed(dict(zip(names, row, strict=False)), refused)

    done = [[row[name] for name in names] for row in tried]
    for row in AllPairs(parameters, filter_func=fits, previously_tested=done):
        yield dict(zip(names, row, strict=True))


def row_with(pair: Pair, values: Values, refused: Collection[Pair], *, seed: int) -> Row | None:
    """A row around one pair, for those that the array left out; None where none is found."""
    draw = random.Random(f"{seed}{sorted(pair)}")
    for _ in range(50):
        row = dict(pair)
        for name in draw.sample(list(values), len(values)):
            if name in row:
                continue
            fitting = [v for v in values[name] if allowed({**row, name: v}, refused)]
            if not fitting:
                break
            row[name] = draw.choice(fitting)
        if len(row) == len(values):
            return {name: row[name] for name in values}
    return None
