"""Spellings of labels: missing ones, equal numbers, nearly equal names."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from nightloom.counted import counted
from nightloom.settings.spelling import quoted

USUAL_MISSING = (
    *("nan", "NaN", "NAN", "-nan", "-NaN", "NULL", "null", "Null", "None", "NaT"),
    *("N/A", "n/a", "NA", "#N/A", "#NA", "<NA>", "#N/A N/A"),
)
"""Markers of missing values: those of pandas, and two more spellings."""

NO_LABEL = "-1"
"""The marker of a missing label among integers that index names, as in GLUE."""

_MAYBE_MISSING = ("none", "na", "n.a.", "nil", "-", "--", "?", "missing")
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]{0,17}))(?:\.0+)?")
_SHOWN = 10


def missing_labels(given: Sequence[str] | None, names: Sequence[str] | None) -> frozenset[str]:
    """The labels that mean missing: those `given`, else the usual ones; never one of `names`."""
    found = set(USUAL_MISSING if given is None else given)
    if names is not None:  # rows may hold integers that index them
        found.add(NO_LABEL)
    return frozenset(found - set(names or ()))


def as_integers(values: Sequence[str]) -> list[str] | None:
    """The values as integers in digits (`1.0` is `1`), or None if one is not an integer."""
    found = []
    for value in values:
        match = _NUMBER.fullmatch(value)
        if match is None:
            return None
        found.append("0" if match[1] == "-0" else match[1])
    return found


def visible_part(label: str) -> str:
    """A label without invisible characters; empty if it has no others."""
    letters = (letter for letter in label if unicodedata.category(letter) not in ("Cf", "Cc"))
    return "".join(letters).strip()


def near_equal(
    names: Sequence[str], rows: Sequence[int], *, what: str = "classes", unit: str = "rows"
) -> list[str]:
    """Warnings about names with easily overlooked differences; `rows` has the rows of each."""
    alike: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        alike.setdefault(_folded(name), []).append(at)
    groups = [found for found in alike.values() if len(found) > 1]
    warnings = []
    for found in groups[:_SHOWN]:
        told = ", ".join(f"{quoted(names[at])} ({counted(rows[at], unit)})" for at in found)
        how = _difference([names[at] for at in found])
        warnings.append(f"{what} that differ only in {how}: {told}; if they are one, fix the rows")
    if len(groups) > _SHOWN:
        warnings.append(counted(len(groups) - _SHOWN, f"more groups of {what} are nearly equal"))
    return warnings


def alike(name: str, names: Iterable[str]) -> str:
    """The first of the names that is nearly but not exactly equal to `name`; else empty."""
    folded = _folded(name)
    return next((other for other in names if other != name and _folded(other) == folded), "")


def maybe_missing(names: Sequence[str], rows: Sequence[int], missing: Sequence[str]) -> list[str]:
    """Warnings about classes whose name may mean a missing label.

    `missing` already do; the list that a warning suggests for `data.missing_labels` includes them,
    because it replaces them.
    """
    return [
        f"label {quoted(name)} ({counted(count, 'rows')}) is read as a class; if it means "
        f"a missing label: data.missing_labels='{json.dumps([name, *missing], ensure_ascii=False)}'"
        for name, count in zip(names, rows, strict=True)
        if name.lower() in _MAYBE_MISSING or name in USUAL_MISSING
    ]


def _folded(name: str) -> str:
    folded = " ".join(visible_part(unicodedata.normalize("NFKC", name)).split())
    folded = unicodedata.normalize("NFKC", folded.casefold())
    number = as_integers([folded])
    return number[0] if number else folded


def _difference(names: Iterable[str]) -> str:
    """How nearly equal names differ: what remains when everything else is normalised."""
    found = list(names)
    steps: dict[str, Callable[[str], str]] = {
        "Unicode form": lambda name: unicodedata.normalize("NFC", name),
        "invisible characters": visible_part,
        "spaces": lambda name: " ".join(name.split()),
        "capitals": str.casefold,
    }
    differing = []
    if len({_applied(steps.values(), name) for name in found}) > 1:
        return "the form of a number"
    for left_out in steps:
        others = [step for what, step in steps.items() if what != left_out]
        if len({_applied(others, name) for name in found}) > 1:
            differing.append(left_out)
    return " and ".join(differing) or "form"


def _applied(steps: Iterable[Callable[[str], str]], name: str) -> str:
    for step in steps:
        name = step(name)
    return name
