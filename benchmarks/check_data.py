"""What `check_data` finds of known changes to real data, and how often it is wrong about chance.

    python -m benchmarks.check_data --data FOLDER [--rows 15000] [--nights 200]

FOLDER holds `train.csv` of AG News, without a header: class, title, description. The champion's
rows are drawn from it. A change is made in two ways: to a *window* (nine tenths of the champion's
rows and a tenth that is new) and to a *fresh* draw. False alarms are counted over nights that
change nothing: fresh draws, and windows that go on step by step, half of them in the order of the
file.
"""

import argparse
import csv
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import pyarrow as pa

from benchmarks.measuring import machine, show
from nightloom.data.checks.check import Checked, check
from nightloom.data.checks.rows import CheckedRows, look_at
from nightloom.data.checks.suspects import suspects_in
from nightloom.data.checks.texts import Texts
from nightloom.settings.check import CheckSettings

NAMES = ("World", "Sports", "Business", "Sci/Tech")
OTHER = (
    "Der Minister hat sich auf eine Reform der Renten geeinigt, die nicht ohne Streit mit den "
    "Laendern zu haben ist. Auch der Vorstand der Bank will das Gesetz und die Steuern aendern. "
    "Ein Sprecher sagte, dass sich die Preise auf dem Markt mit der Zeit erholen werden. "
    "Das Spiel wurde von dem Trainer und den Spielern nach einer Pause wieder aufgenommen. "
    "Im Osten ist mit Regen zu rechnen, im Sueden bleibt es trocken und bei Wind recht kalt."
).split(". ")
STEP = 0.1
"""Of a window, the rows that are new each night."""


@dataclass(frozen=True)
class News:
    """Rows with the columns that texts are made of."""

    titles: list[str]
    bodies: list[str]
    labels: np.ndarray

    def at(self, rows: np.ndarray) -> "News":
        """Some of them."""
        picked = [([one[at] for at in rows.tolist()]) for one in (self.titles, self.bodies)]
        return News(picked[0], picked[1], self.labels[rows])

    def __len__(self) -> int:
        return len(self.labels)

    def looked(self, settings: CheckSettings, before: CheckedRows | None = None) -> CheckedRows:
        """As the check sees them."""
        texts = [" ".join(filter(None, one)) for one in zip(self.titles, self.bodies, strict=True)]
        batch = pa.RecordBatch.from_pydict({"text": texts, "label": self.labels})
        return look_at([[batch], [], []], Texts(NAMES), sample=settings.sample, before=before)


def read(path: Path) -> News:
    """The rows that have a title and a description apart, in the order of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row[1]]
    labels = np.array([int(row[0]) - 1 for row in rows])
    return News([row[1] for row in rows], [row[2] for row in rows], labels)


Change = Callable[[News, np.random.Generator], News]


def flipped(share: float) -> Change:
    """Some labels are others."""

    def change(news: News, draw: np.random.Generator) -> News:
        wrong = draw.random(len(news)) < share
        moved = (news.labels + draw.integers(1, len(NAMES), len(news))) % len(NAMES)
        return replace(news, labels=np.where(wrong, moved, news.labels))

    return change


def in_german(news: News, draw: np.random.Generator) -> News:
    """A twentieth of the rows is in another language."""
    other = draw.random(len(news)) < 0.05
    said = [
        " ".join(OTHER[one] for one in draw.permutation(len(OTHER))[:2]) + f" {draw.integers(9999)}"
        for _ in range(len(news))
    ]
    bodies = [
        one if is_other else body
        for is_other, one, body in zip(other, said, news.bodies, strict=True)
    ]
    titles = ["" if one else title for one, title in zip(other, news.titles, strict=True)]
    return replace(news, titles=titles, bodies=bodies)


CHANGES: dict[str, Change] = {
    "2 % of the labels flipped": flipped(0.02),
    "5 % of the labels flipped": flipped(0.05),
    "10 % of the labels flipped": flipped(0.1),
    "30 % of the labels flipped": flipped(0.3),
    "a class vanished": lambda news, draw: news.at(np.flatnonzero(news.labels != 1)),
    "another language in 5 % of the rows": in_german,
    "doubled rows": lambda news, draw: news.at(np.repeat(np.arange(len(news)), 2)),
    "half as many rows": lambda news, draw: news.at(draw.permutation(len(news))[: len(news) // 2]),
    "title and description exchanged": lambda news, draw: replace(
        news, titles=news.bodies, bodies=news.titles
    ),
    "labels shuffled against the texts": lambda news, draw: replace(
        news, labels=draw.permutation(news.labels)
    ),
    "title alone": lambda news, draw: replace(news, bodies=[""] * len(news)),
}


def told(checked: Checked) -> str:
    """The tests that warned or refused, with their values."""
    found = [one for one in checked.findings if one.verdict in ("warned", "refused")]
    return ", ".join(f"{one.test} {one.value:.3f} ({one.among})" for one in found)


def main() -> None:
    """Print a table of changes, and the false alarms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=15_000)
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--changes", nargs="*", help="Some of them, by a part of the name.")
    given = parser.parse_args()
    settings, draw = CheckSettings(), np.random.default_rng(1)
    pool = read(given.data / "train.csv")
    order = draw.permutation(len(pool))
    size, new = given.rows, int(given.rows * STEP)
    before = pool.at(order[:size]).looked(settings)
    nights = {"window": order[new : size + new], "fresh": order[size : 2 * size]}
    print(machine("scikit-learn", "cleanlab"))
    rows = []
    for name, change in CHANGES.items():
        if given.changes is not None and not any(part in name for part in given.changes):
            continue
        for kind, night in nights.items():
            began = time.process_time()
            now = change(pool.at(night), draw).looked(settings, before)
            found = check(now, before, settings)
            suspects, _ = suspects_in(now, settings)
            seconds = round(time.process_time() - began, 1)
            rows.append(
                {"change": name, "rows": kind, "verdict": found.verdict, "s": seconds,
                 "found by": told(found)}
            )  # fmt: skip
            said = f"{name:36} {kind:7} {found.verdict:8} {seconds:5} s  {told(found)}"
            print(f"{said}; {len(suspects):,} suspects", flush=True)
    missed = [f"{row['change']} ({row['rows']})" for row in rows if row["verdict"] == "fine"]
    print(f"{len(rows) - len(missed)} found, {len(missed)} missed: {', '.join(missed) or 'none'}")
    if given.nights:
        alarms(pool, settings, draw, nights=given.nights, size=size, new=new)


class Pool(Protocol):
    """What nights are drawn from."""

    def at(self, rows: np.ndarray) -> Self:
        """Some rows of it."""

    def looked(self, settings: CheckSettings, before: CheckedRows | None = None) -> CheckedRows:
        """As the check sees them."""

    def __len__(self) -> int: ...


def alarms(
    pool: Pool,
    settings: CheckSettings,
    draw: np.random.Generator,
    *,
    nights: int,
    size: int,
    new: int,
    in_order: bool = True,
) -> None:
    """Nights that change nothing, each beside the one before it, as if all became champions.

    in_order: half of the windows in the order of the file, if that has no meaning.
    """
    found: Counter[str] = Counter()
    wrong = 0
    orders = {
        "fresh draws": None,
        "windows over shuffled rows": draw.permutation(len(pool)),
        "windows in the order of the file": np.arange(len(pool)),
    }
    shares = [nights // 2, nights // 4, nights - nights // 2 - nights // 4]
    if not in_order:
        shares = [nights // 2, nights - nights // 2, 0]
    for (kind, order), number in zip(orders.items(), shares, strict=True):
        before, told_of = None, 0
        for night in range(number + 1):
            if order is None:
                rows = draw.permutation(len(pool))[:size]
            else:
                rows = order[(np.arange(size) + night * new) % len(pool)]
            now = pool.at(rows).looked(settings, before)
            if before is not None:
                checked = check(now, before, settings)
                if checked.verdict != "fine":
                    told_of += 1
                    found[f"{kind}: {told(checked)}"] += 1
            before = now
        print(f"{kind}: {told_of} false alarms in {number} nights", flush=True)
        wrong += told_of
    print(f"{wrong} false alarms in {nights} nights")
    if found:
        show("What gave them", dict(found))


if __name__ == "__main__":
    main()
