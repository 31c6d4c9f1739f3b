"""What `check_data` finds of known changes to real tagged sentences, and false alarms.

    python -m benchmarks.check_entities --data FOLDER [--rows 6000] [--nights 40]

FOLDER holds CoNLL-2003 in English: `train.txt` and `valid.txt`, Reuters' news of August 1996, from
which the champion's sentences and the nights are drawn, and `test.txt`, the same source in December
1996: a change that nobody made. The other changes are made as in `benchmarks.check_data`, to a
*window* and to a *fresh* draw. Of those labels that are named as probably wrong the words that were
changed are counted. (The data have wrong tags of their own, which count as false here.)
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.check_data import STEP, alarms, told
from benchmarks.measuring import machine
from nightloom.data.checks.check import check
from nightloom.data.checks.rows import CheckedRows, look_at
from nightloom.data.checks.sentences import Sentences
from nightloom.data.checks.suspects import SuspectWords, suspects_in
from nightloom.data.labels.tag_schemes import Span, spans, tags_from_spans
from nightloom.settings.check import CheckSettings, EntityCheckSettings

TYPES = ("LOC", "MISC", "ORG", "PER")
TAGS = ("O", *(f"{begin}-{name}" for name in TYPES for begin in "BI"))
NUMBERS = {tag: number for number, tag in enumerate(TAGS)}


@dataclass(frozen=True)
class Tagged:
    """Sentences and their entities."""

    words: list[list[str]]
    entities: list[list[Span]]

    def at(self, rows: np.ndarray) -> "Tagged":
        """Some of them."""
        chosen = rows.tolist()
        return Tagged([self.words[at] for at in chosen], [self.entities[at] for at in chosen])

    def __len__(self) -> int:
        return len(self.words)

    def looked(self, settings: CheckSettings, before: CheckedRows | None = None) -> CheckedRows:
        """As the check sees them."""
        tags = [
            [NUMBERS[tag] for tag in tags_from_spans(found, len(words))]
            for words, found in zip(self.words, self.entities, strict=True)
        ]
        batch = pa.RecordBatch.from_pydict({"tokens": self.words, "tags": tags})
        return look_at([[batch], [], []], Sentences(TAGS), sample=settings.sample, before=before)


def read(*paths: Path) -> Tagged:
    """The sentences of files in CoNLL's form."""
    words: list[list[str]] = []
    found: list[list[Span]] = []
    for path in paths:
        for block in path.read_text("utf-8").split("\n\n"):
            rows = [line.split() for line in block.splitlines() if line.strip()]
            if rows and rows[0][0] != "-DOCSTART-":
                words.append([row[0] for row in rows])
                found.append(spans([row[-1] for row in rows]))
    return Tagged(words, found)


Wrong = set[tuple[int, int]]
Change = Callable[[Tagged, np.random.Generator], tuple[Tagged, Wrong]]


def changed(share: float, to: Callable[[Span, np.random.Generator], list[Span]]) -> Change:
    """Some entities are others; with the words that are affected, by sentence and place."""

    def change(given: Tagged, draw: np.random.Generator) -> tuple[Tagged, Wrong]:
        wrong: Wrong = set()
        entities = []
        for row, found in enumerate(given.entities):
            kept: list[Span] = []
            for one in found:
                if draw.random() < share:
                    wrong.update((row, at) for at in range(one[1], one[2]))
                    kept += to(one, draw)
                else:
                    kept.append(one)
            entities.append(kept)
        return Tagged(given.words, entities), wrong

    return change


def another_type(one: Span, draw: np.random.Generator) -> list[Span]:
    """The same words as an entity of another type."""
    return [(TYPES[(TYPES.index(one[0]) + draw.integers(1, len(TYPES))) % len(TYPES)], *one[1:])]


CHANGES: dict[str, Change] = {
    "nothing": changed(0.0, another_type),
    "2 % of the entities of another type": changed(0.02, another_type),
    "5 % of the entities of another type": changed(0.05, another_type),
    "10 % of the entities of another type": changed(0.1, another_type),
    "30 % of the entities of another type": changed(0.3, another_type),
    "5 % of the entities untagged": changed(0.05, lambda one, draw: []),
    "10 % of the entities untagged": changed(0.1, lambda one, draw: []),
    "30 % of the entities untagged": changed(0.3, lambda one, draw: []),
}


def main() -> None:
    """Print a table of changes, and the false alarms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=6_000)
    parser.add_argument("--nights", type=int, default=40)
    given = parser.parse_args()
    settings, draw = EntityCheckSettings(), np.random.default_rng(1)
    pool = read(given.data / "train.txt", given.data / "valid.txt")
    order, size = draw.permutation(len(pool)), given.rows
    new = int(size * STEP)
    champion = pool.at(order[:size])
    before = champion.looked(settings)
    nights = {
        "window": pool.at(order[new : size + new]),
        "fresh": pool.at(order[size : 2 * size]),
    }
    print(machine("scikit-learn", "cleanlab"))

    def tell(name: str, kind: str, night: Tagged, wrong: Wrong) -> None:
        began = time.process_time()
        now = night.looked(settings, before)
        found = check(now, before, settings)
        suspects, _ = suspects_in(now, settings)
        seconds = time.process_time() - began
        named = {
            (one.row - 1, one.word - 1 + at)
            for one in suspects
            if isinstance(one, SuspectWords)
            for at in range(len(one.token.split(" ")))
        }
        print(
            f"{name:36} {kind:7} {found.verdict:8} {seconds:5.1f} s  {told(found)}; "
            f"{len(named):,} words named, {len(named & wrong):,} of {len(wrong):,} wrong ones",
            flush=True,
        )

    for name, change in CHANGES.items():
        for kind, night in nights.items():
            tell(name, kind, *change(night, draw))
    later = read(given.data / "test.txt")
    tell("four months later", "all", later, set())
    kept = order[len(later) : size]
    words, entities = pool.at(kept).words + later.words, pool.at(kept).entities + later.entities
    tell("four months later", "window", Tagged(words, entities), set())
    if given.nights:
        alarms(pool, settings, draw, nights=given.nights, size=size, new=new, in_order=False)


if __name__ == "__main__":
    main()
