"""Runs of a covering array until every pair was in one that answered, or is refused by name."""

import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from nightloom.errors import InputError
from tests.every_setting.array import Pair, Row, Setting, all_pairs, pairs_of, row_with, rows_over
from tests.every_setting.values import Values

PLACES = {"data.source", "model.checkpoint", "model.encoder", "model.preprocess"}
Try = Callable[[Row], None]
"""Runs a row to an answer, or raises."""


@dataclass
class Coverage:
    """What became of the pairs of a flow."""

    flow: str
    values: Values
    known: set[Pair] = field(default_factory=set)
    """Pairs that are written down as refused."""
    answered: set[Pair] = field(default_factory=set)
    refused: dict[Pair, str] = field(default_factory=dict)
    """Pairs that a refusal named, met in this run, and what it said."""
    faults: list[tuple[Row, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    """Those that answered."""
    seconds: float = 0.0
    tell: Callable[[str, Row, str], None] = lambda flow, row, what: None
    """Called with every fault."""

    def __post_init__(self) -> None:
        self.pairs = all_pairs(self.values)

    @property
    def around(self) -> set[Pair]:
        """What rows must not hold."""
        return self.known | set(self.refused)

    @property
    def open(self) -> set[Pair]:
        """Pairs that were in no run that answered, and that no refusal names."""
        return self.pairs - self.answered - self.around

    @property
    def line(self) -> str:
        """The figures."""
        refused = len(self.around & self.pairs)
        return (
            f"{self.flow}: {len(self.pairs)} pairs of {len(self.values)} settings; "
            f"{len(self.answered)} in {len(self.rows)} runs that answered, {refused} refused by "
            f"name, {len(self.open)} open; {len(self.faults)} faults; {self.seconds:.0f} s"
        )

    def _fault(self, row: Row, what: str) -> None:
        self.faults.append((row, what))
        self.tell(self.flow, row, what)

    def take(self, row: Row, attempt: Try) -> None:
        """Try a row, and note what came of it."""
        began = time.monotonic()
        try:
            attempt(row)
        except InputError as error:
            pair = named_pair(str(error), row)
            if pair is None or pair in self.around:
                self._fault(row, f"InputError: {error}")
            else:
                self.refused[pair] = str(error)
        except Exception as error:
            self._fault(row, described(error))
        else:
            self.answered |= pairs_of(row)
            self.rows.append(row)
        self.seconds += time.monotonic() - began

    def check_known(self, attempt: Try) -> None:
        """Try a row around each pair that is written down as refused: it is, and named."""
        for pair in sorted(self.known, key=sorted):
            row = row_with(pair, self.values, self.known - {pair}, seed=1)
            if row is None:
                continue
            try:
                attempt(row)
            except InputError as error:
                if pair - named_in(str(error), row):
                    self._fault(dict(sorted(pair)), f"not named by: {error}")
            else:
                self._fault(row, f"not refused: {sorted(pair)}")


def described(error: Exception) -> str:
    """What went wrong, and where: the ends of a long message."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())
    said = said if len(said) < 600 else f"{said[:150]} … {said[-450:]}"
    return f"{type(error).__name__}: {said} ({place.filename.rpartition('/')[2]}:{place.lineno})"


def named_in(message: str, row: Row) -> set[Setting]:
    """The settings of a row that a message names: by name, or by the file they stand for."""
    named = set(re.findall(r"\b[a-z]+\.[a-z_]+\b", message)) & row.keys()
    named |= {name for name in PLACES & row.keys() if row[name] in message}
    return {(name, row[name]) for name in named}


def named_pair(message: str, row: Row) -> Pair | None:
    """The pair of a row that a refusal names: two settings and no third."""
    named = named_in(message, row)
    return frozenset(named) if len(named) == 2 else None


def cover(coverage: Coverage, attempt: Try, *, seed: int, enough: Callable[[], bool]) -> None:
    """Try rows until no pair is open, `enough` says so, or nothing new comes of it."""
    while coverage.open and not enough():
        before = len(coverage.answered) + len(coverage.refused)
        rows = rows_over(coverage.values, coverage.around, tried=coverage.rows, seed=seed)
        for row in rows:
            if enough():
                return
            faulty = any(row == one for one, _ in coverage.faults)
            if faulty or not pairs_of(row) & coverage.open:
                continue
            refused = len(coverage.refused)
            coverage.take(row, attempt)
            if len(coverage.refused) > refused:
                break  # the array made anew around it
        if len(coverage.answered) + len(coverage.refused) == before:
            break
    for pair in sorted(coverage.open, key=sorted):
        if enough():
            return
        if pair in coverage.open:
            row = row_with(pair, coverage.values, coverage.around, seed=seed)
            if row is not None:
                coverage.take(row, attempt)
