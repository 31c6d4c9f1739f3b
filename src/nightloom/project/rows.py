"""Rows of a source as the data stage reads them: how many, how long, which labels and languages."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nightloom.data.checks.languages import OPEN, languages
from nightloom.data.formats.instants import UNDATED, told
from nightloom.data.sources.opened import open_source
from nightloom.data.splits.examples import Examples
from nightloom.data.splits.partition import check_enough
from nightloom.data.tasks import examples_of
from nightloom.project.tables import MOST_ROWS
from nightloom.settings.data import DataSettings

_SAMPLED = 5_000
"""Texts that are looked at for languages."""
DENSE = ("Han", "Kana", "Thai")
"""Scripts without spaces between words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What the rows of a source are like."""

    rows: Mapping[str, int]
    """By split of the source."""
    whole: bool
    """Whether these are all."""
    counts: Mapping[str, int]
    """Rows of each class, or entities of each type."""
    lengths: np.ndarray = field(repr=False)
    """Words of each row, int64 [rows]."""
    letters: np.ndarray = field(repr=False)
    """Characters of each row, int64 [rows]."""
    languages: Mapping[str, int]
    """Of a sample."""
    first: str = ""
    last: str = ""
    """The oldest and newest time."""
    notes: tuple[str, ...] = ()
    """The readers' remarks."""

    def words(self, share: float) -> int:
        """The words that this share of the rows has at most."""
        return int(np.quantile(self.lengths, share, method="higher")) if len(self.lengths) else 0

    @property
    def dense_share(self) -> float:
        """The share of the texts that are in a script without spaces between words."""
        found = sum(count for name, count in self.languages.items() if name in DENSE)
        return found / max(sum(self.languages.values()), 1)

    @property
    def dense(self) -> bool:
        """Whether most texts are in such a script."""
        return self.dense_share > 0.5

    def told_languages(self) -> str:
        """Languages and scripts, those with a share worth telling."""
        total = max(sum(self.languages.values()), 1)
        ranked = sorted(self.languages.items(), key=lambda one: (-one[1], one[0]))
        known = [(name, n / total) for name, n in ranked if name != OPEN and n >= 0.01 * total]
        if not known:
            return "none could be told from the texts"
        unknown = self.languages.get(OPEN, 0) / total
        others = 1 - unknown - sum(share for _, share in known[:5])
        shares = [*known[:5], *([("others", others)] if others >= 0.01 else [])]
        said = ", ".join(f"{name} {share:.0%}" for name, share in shares)
        return said + (f"; it could not be told of {unknown:.0%}" if unknown >= 0.01 else "")


def see_rows(settings: DataSettings) -> Rows:
    """Read rows with these settings, MOST_ROWS of each split at the most.

    Raises InputError like the data stage, also if there are too few rows to be cut.
    """
    source = open_source(settings)
    examples: Examples[Any, Any] = examples_of(settings.task)(settings, source)
    parts: dict[str, Any] = {}
    staged: dict[str, list[Any]] = {}
    lengths: list[int] = []
    letters: list[int] = []
    sample: list[str] = []
    times: list[tuple[int, int]] = []
    whole = True
    for split in source.splits:
        part = parts[split] = examples.part(split, Path())
        for batch in source.splits[split]:
            one = examples.stage(part, batch)
            texts = examples.texts(one).to_pylist()
            lengths += [len(text.split()) for text in texts]
            letters += [len(text) for text in texts]
            every = max(1, len(texts) // 500)
            sample += texts[::every] if len(sample) < _SAMPLED else []
            at = one["time"].to_numpy()
            at = at[at != UNDATED]
            times += [(int(at.min()), int(at.max()))] if settings.time and len(at) else []
            if settings.task == "entities":
                staged.setdefault(split, []).append(one)
            if part.rows >= MOST_ROWS:
                whole = False
                break
        examples.check_part(part)
    source.watch.check()
    examples.resolve(parts)
    if whole and not settings.time:
        check_enough(examples.counts(parts), examples.class_names)
    counts = (
        _classes(examples, parts) if settings.task == "text" else _types(examples, parts, staged)
    )
    return Rows(
        rows={split: part.rows for split, part in parts.items()},
        whole=whole,
        counts=counts,
        lengths=np.array(lengths, dtype=np.int64),
        letters=np.array(letters, dtype=np.int64),
        languages=languages(sample),
        first=told(min(low for low, _ in times)) if times else "",
        last=told(max(high for _, high in times)) if times else "",
        notes=_notes(examples, source, parts),
    )


def _classes(examples: Examples[Any, Any], parts: Mapping[str, Any]) -> dict[str, int]:
    rows = np.sum(list(examples.counts(parts).values()), axis=0).tolist()
    return dict(zip(examples.label_names, rows, strict=True))


def _types(
    examples: Examples[Any, Any], parts: Mapping[str, Any], staged: Mapping[str, list[Any]]
) -> dict[str, int]:
    """Entities of each type: in IOB2 each begins with its own tag."""
    found: Counter[str] = Counter()
    for split, batches in staged.items():
        for batch in batches:
            tags = examples.decode(parts[split], batch)[1].flatten().to_numpy()
            found.update(np.asarray(examples.label_names)[tags].tolist())
    return {name[2:]: found[name] for name in sorted(found) if name.startswith("B-")}


def _notes(examples: Examples[Any, Any], source: Any, parts: Mapping[str, Any]) -> tuple[str, ...]:
    notes = [*source.warnings, *source.notes.lines, *source.notes.read_as.values()]
    if examples.class_names is not None:
        notes += examples.warnings(parts, {}, [])
    else:
        notes += source.notes.warnings
    return tuple(dict.fromkeys(notes))
