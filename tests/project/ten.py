"""Ten files as users have them, each of another kind, with the settings that follow from them."""

import csv
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CLASSES = {
    "billing": "invoice charge refund card payment amount bank twice paid balance".split(),
    "login": "password login account locked reset code email screen session token".split(),
    "delivery": "parcel courier late address tracking box arrived damaged street driver".split(),
}
FILLING = "the my was and is with for this that please again today why still not have".split()
PEOPLE = ("Ada Berg", "Jo Klein", "Mia Roth", "Lee Stone", "Tom Wood", "Ann Lake")
PLACES = ("Bonn", "Oslo", "Lima", "Kyoto", "Turin", "Ghent")


@dataclass(frozen=True)
class Row:
    """A ticket."""

    number: int
    subject: str
    body: str
    queue: str
    customer: str
    created: date


def rows(count: int = 240, seed: int = 1) -> Iterator[Row]:
    """Made-up tickets whose words tell their queue."""
    draw = random.Random(seed)
    for number in range(count):
        queue = draw.choice(sorted(CLASSES))
        words = [draw.choice(CLASSES[queue] + FILLING) for _ in range(draw.randint(8, 24))]
        subject = " ".join(draw.choice(CLASSES[queue]) for _ in range(3))
        day = date(2026, 1, 1) + timedelta(days=number)
        customer = f"C{draw.randint(1, 40):03}"
        yield Row(number, subject, " ".join(words), queue, customer, day)


def sentences(count: int = 120, seed: int = 1) -> Iterator[tuple[list[str], list[str]]]:
    """Made-up sentences with people and places."""
    draw = random.Random(seed)
    for number in range(count):
        first, last = draw.choice(PEOPLE).split()
        words = [first, last, *draw.choices(FILLING, k=3), "in", draw.choice(PLACES), str(number)]
        yield words, ["B-PER", "I-PER", "O", "O", "O", "O", "B-LOC", "O"]


def _table(path: Path, names: list[str] | None, values: Any, delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows(([names] if names else []) + [list(one) for one in values])
    return path


def quoted_semicolons(folder: Path) -> Path:
    """A CSV file as spreadsheets write it: semicolons, quotes, line breaks in texts."""
    values = (
        (
            r.number,
            r.created,
            r.subject,
            f'{r.body};\n"{r.number}", {r.subject}',
            r.queue,
            r.customer,
        )
        for r in rows()
    )
    names = ["id", "created", "subject", "body", "queue", "customer_id"]
    return _table(folder / "tickets.csv", names, values, ";")


def headless(folder: Path) -> Path:
    """A CSV file without a header, labels as numbers."""
    numbers = {name: at for at, name in enumerate(sorted(CLASSES), start=1)}
    return _table(folder / "news.csv", None, ((numbers[r.queue], r.body) for r in rows()))


def tabs(folder: Path) -> Path:
    """A TSV file of reviews with stars and a language."""
    values = ((r.body, 1 + r.number % 5, ("de", "en")[r.number % 2]) for r in rows())
    return _table(folder / "reviews.tsv", ["review", "stars", "lang"], values, "\t")


def json_lines(folder: Path) -> Path:
    """JSON lines of texts, with a key that some rows lack."""
    path = folder / "messages.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for r in rows():
            more = {"agent": "x"} if r.number % 3 else {}
            row = {
                "message": r.body,
                "intent": r.queue,
                "sent_at": f"{r.created}T08:00:00Z",
                **more,
            }
            file.write(json.dumps(row) + "\n")
    return path


def json_words(folder: Path) -> Path:
    """JSON lines of words and tags, under names of their own."""
    path = folder / "notes.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for words, tags in sentences():
            file.write(json.dumps({"wörter": words, "marken": tags}) + "\n")
    return path


def conll(folder: Path) -> Path:
    """CoNLL columns."""
    path = folder / "people.conll"
    blocks = ("\n".join(f"{w} X {t}" for w, t in zip(*one, strict=True)) for one in sentences())
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


def parquet(folder: Path) -> Path:
    """Parquet with times, two possible labels and a float."""
    found = list(rows())
    table = {
        "text": [r.body for r in found],
        "category": [r.queue for r in found],
        "priority": [r.number % 2 for r in found],
        "seconds": [r.number / 7 for r in found],
        "created_at": pa.array([r.created for r in found], pa.date32()),
    }
    pq.write_table(pa.table(table), folder / "cases.parquet")
    return folder / "cases.parquet"


def two_splits(folder: Path) -> Path:
    """A folder with train and test."""
    (folder / "queues").mkdir()
    for split, count in (("train", 200), ("test", 60)):
        values = ((r.body, r.queue) for r in rows(count, seed=count))
        _table(folder / "queues" / f"{split}.csv", ["text", "label"], values)
    return folder / "queues"


def partitions(folder: Path) -> Path:
    """A pattern of daily folders, one of which each row's date is the name."""
    for r in rows(60):
        day = folder / "daily" / f"date=2026-11-{1 + r.number % 20:02}"
        day.mkdir(parents=True, exist_ok=True)
        with (day / "part-0.jsonl").open("a") as file:
            file.write(json.dumps({"text": r.body, "label": r.queue}) + "\n")
    return folder / "daily" / "date=*" / "*.jsonl"


def tagged_tabs(folder: Path) -> Path:
    """A TSV file that is no table: a word and its tag in each line."""
    path = folder / "places.tsv"
    blocks = ("\n".join(f"{w}\t{t}" for w, t in zip(*one, strict=True)) for one in sentences())
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


# fmt: off
TEN: dict[Callable[[Path], Path], dict[str, Any]] = {
    quoted_semicolons: {"text": ["subject", "body"], "label": "queue", "time": "created"},
    headless: {
        "columns": ["label", "text"],
        "text": ["text"],
        "label": "label",
        "delimiter": "comma",
    },
    tabs: {"text": ["review"], "label": "stars"},
    json_lines: {"text": ["message"], "label": "intent", "time": "sent_at"},
    json_words: {"columns": ["wörter", "marken"]},
    conll: {},
    parquet: {"text": ["text"], "label": "category", "time": "created_at"},
    two_splits: {"text": ["text"], "label": "label"},
    partitions: {"text": ["text"], "label": "label", "time": "date"},
    tagged_tabs: {},
}
# fmt: on
"""What makes each, and the settings of `data` that it needs."""
