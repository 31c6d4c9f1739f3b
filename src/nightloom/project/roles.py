"""Which columns of a table are the text, the label, the time: a guess, with its alternatives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nightloom.errors import InputError
from nightloom.project.columns import Column
from nightloom.project.words import (
    CLASSES,
    GROUPS,
    HEADINGS,
    LATER,
    TEXTS,
    TIMES,
    is_among,
    is_of_row,
    rank,
)
from nightloom.settings.spelling import quoted, shown

_SHORT = 1.5
"""Words of a short text, on average."""
_MOSTLY = 0.7
"""Rows in which the text has to stand."""
_LEAST_GROUPS = 10
_LEAST_TIMES = 5
_MOST_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Other:
    """A setting that could be meant as well: written as a comment, with the reason."""

    setting: str
    value: Any
    why: str


@dataclass(frozen=True, slots=True)
class Said:
    """What was seen of a subject."""

    subject: str
    what: str
    example: str = ""
    """A value of a row: for the eye, and not for a file that others may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What columns are taken for."""

    text: tuple[str, ...]
    label: str
    time: str | None = None
    others: tuple[Other, ...] = ()
    said: tuple[Said, ...] = ()
    """What is taken for what, and why."""


def roles_of_columns(columns: Sequence[Column], place: str, notes: Sequence[str] = ()) -> Roles:
    """The text, the label and the time among the columns of a table.

    Raises InputError, which says what was seen, `notes` of the reader as well, if there is no text,
    or no label beside it.
    """
    texts = sorted(_texts(columns), key=_as_text)
    classes = sorted((one for one in columns if one.kind == "class"), key=_as_class)
    if not texts or not classes:
        lack = "texts" if not texts else "labels (some values, each in several rows)"
        beside = "" if not texts else f" beside the text {quoted(texts[0].name, 40)}"
        raise InputError(
            f"{place}: expected a column of {lack}{beside}, "
            f"got {'; '.join(_seen(one) for one in columns[:8])}"
            f"{f' and {len(columns) - 8} more' if len(columns) > 8 else ''}"
            f"{''.join(f'; {note}' for note in notes)}; add it, or write the "
            "settings yourself (`nightloom flows classify-transformer` lists them)"
        )
    main, label = texts[0], classes[0]
    heading = next((one for one in texts[1:] if is_among(one.name, HEADINGS)), None)
    text = (heading.name, main.name) if heading else (main.name,)
    said = [
        Said("text", _told_text(main, heading), main.example),
        Said("label", f"{shown(label.name)}: {label.told}"),
    ]
    others = [
        *_other_texts(texts, text),
        *_other_classes(classes),
    ]
    time = _time(columns, said, others)
    said += [Said("note", _told_dates(one), one.example) for one in columns if one.unread_dates]
    group = _group(columns, taken=(*text, label.name))
    if group is not None:
        instead = f"; in place of data.time={shown(time)}" if time else ""
        why = f"{group.told}: rows of one may have to be in one split{instead}"
        others.append(Other("group", group.name, why))
    taken = {*text, label.name, time}
    rest = [_seen(one) for one in columns if one.name not in taken]
    if rest:
        more = f"; and {len(rest) - 6} more" if len(rest) > 6 else ""
        said.append(Said("not read", "; ".join(rest[:6]) + more))
    return Roles(text=text, label=label.name, time=time, others=tuple(others), said=tuple(said))


def _texts(columns: Sequence[Column]) -> list[Column]:
    """The columns of texts; if there are none, those of short ones."""
    short = [
        one
        for one in columns
        if one.kind in ("words", "id")
        and not one.numeric
        and not one.unread_dates
        and (one.words >= _SHORT or is_among(one.name, (*TEXTS, *HEADINGS)))
    ]
    return [one for one in columns if one.kind == "text"] or short


def _as_text(one: Column) -> tuple[Any, ...]:
    """The likeliest text first: by its name, else the longest."""
    later, heading = is_among(one.name, LATER), is_among(one.name, HEADINGS)
    named = is_among(one.name, TEXTS)
    rare = one.filled < _MOSTLY * one.rows
    return rare, later and not named, not named, heading, rank(one.name, TEXTS), -one.words


def _as_class(one: Column) -> tuple[Any, ...]:
    """The likeliest label first: by its name, else names before numbers, the fewest first."""
    group = is_among(one.name, (*GROUPS, *TIMES)) and not is_among(one.name, CLASSES)
    return group, rank(one.name, CLASSES), one.numeric, one.distinct


def _told_text(main: Column, heading: Column | None) -> str:
    short = "" if main.kind == "text" else f"short texts of {main.words:.1f} words on average, "
    if heading is None:
        return f"{shown(main.name)}: {short}{main.told}"
    return f"{shown(heading.name)} and {shown(main.name)}, joined: {short}{main.told}"


def _other_texts(texts: Sequence[Column], chosen: Sequence[str]) -> list[Other]:
    found = [Other("text", [chosen[-1]], "without the heading")] if len(chosen) > 1 else []
    for one in texts:
        if one.name in chosen:
            continue
        later = ", if it is known before the label is" if is_among(one.name, LATER) else ""
        found.append(
            Other("text", [*chosen, one.name], f"{shown(one.name)} is text as well{later}")
        )
    return found[:_MOST_ALTERNATIVES]


def _other_classes(classes: Sequence[Column]) -> list[Other]:
    return [
        Other("label", one.name, f"could be the label as well: {one.told}")
        for one in classes[1 : _MOST_ALTERNATIVES + 1]
    ]


def _time(columns: Sequence[Column], said: list[Said], others: list[Other]) -> str | None:
    """The column of times that say when a row came; others become alternatives."""
    found = sorted(
        (one for one in columns if one.kind == "time" and one.distinct >= _LEAST_TIMES),
        key=lambda one: (not is_of_row(one.name), -one.filled, rank(one.name, TIMES)),
    )
    chosen = found[0] if found and is_of_row(found[0].name) else None
    if chosen is not None:
        tests = "the newest rows are the test split, as in the nights to come"
        said.append(Said("time", f"{shown(chosen.name)}: {tests}", chosen.example))
    for one in found:
        if one is not chosen:
            others.append(Other("time", one.name, "holds times as well"))
    return chosen.name if chosen else None


def _told_dates(one: Column) -> str:
    return (
        f"{quoted(one.name, 40)} holds dates in a form that is not read; write them as 2026-11-26 "
        f"or 2026-11-26T08:30:00, then data.time={shown(one.name)} makes the newest rows the test "
        "split"
    )


def _group(columns: Sequence[Column], taken: Sequence[str]) -> Column | None:
    """What rows of one customer, thread or document have in common."""
    found = [
        one
        for one in columns
        if one.kind in ("words", "number", "class", "id")
        and one.name not in taken
        and is_among(one.name, GROUPS)
        and _LEAST_GROUPS <= one.distinct < 0.95 * one.filled
    ]
    return min(found, key=lambda one: rank(one.name, GROUPS), default=None)


def _seen(one: Column) -> str:
    return f"{quoted(one.name, 40)} ({one.told})"
