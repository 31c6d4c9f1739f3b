"""All families, flows and formats that there are: ours, and those of installed packages."""

from collections.abc import Collection
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from typing import Any

from nightloom.declared import by_declaration
from nightloom.errors import InputError
from nightloom.plugins import EXPORTS, FAMILIES, Found, find, load
from nightloom.records.family import Family, Learner
from nightloom.records.flow import Flow
from nightloom.records.format import Format

DEPLOY = "deploy"
"""No flow, but what `nightloom flows deploy` lists."""
TIDY = "tidy"
"""A flow of no models, whose settings `nightloom flows tidy` lists."""

WRITER = "write."
"""What stands before a format's name among the code that `register` calls."""


@cache
def found() -> Found[Family]:
    """The families, by the names of their flows."""
    return find(
        FAMILIES,
        Family,
        _ours(),
        names=lambda family: (family.flow.name, f"family {family.name}"),
        reserved=(*(flow.name for flow in _others()), DEPLOY, TIDY),
    )


def families() -> dict[str, Family]:
    """The families, by the names of their flows."""
    return dict(found().records)


def flows() -> dict[str, Flow]:
    """All flows by name: one a family, `score`, and `nightly`, which is made of them."""
    return {
        **{name: family.flow for name, family in families().items()},
        **{flow.name: flow for flow in _others()},
    }


def family_of(flow: str) -> Family:
    """The family that a flow trains.

    Raises:
        InputError: There is no such flow.
    """
    for family in _ours():
        if family.flow.name == flow:  # whatever is wrong with what others add
            return family
    known = families()
    if flow not in known:
        raise InputError(f"expected one of {', '.join(known)}, got {flow}{found().told()}")
    return known[flow]


def settings_of(flow: str) -> Any:
    """The type of the settings of a family's flow.

    Raises:
        InputError: There is no such flow, or its settings cannot be loaded.
    """
    return family_of(flow).flow.load_settings()


def usable_settings() -> dict[str, Any]:
    """The type of the settings of each family's flow, where it can be loaded."""
    usable = {}
    for name in families():
        with suppress(InputError):
            usable[name] = settings_of(name)
    return usable


def find_flow(name: str) -> Flow:
    """The flow of that name.

    Raises:
        InputError: There is none.
    """
    for flow in (*(family.flow for family in _ours()), *_others()):
        if flow.name == name:  # whatever is wrong with what others add
            return flow
    known = flows()
    if name in known:
        return known[name]
    close = [flow for flow in known if name and name.lower() in flow.split("-")]
    close = close or get_close_matches(name, known, n=1)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
    raise InputError(f"unknown flow {name}; {hint}{found().told()}")


@cache
@by_declaration
def formats() -> Found[Format]:
    """The formats by name, ours first."""
    return find(EXPORTS, Format, map(load, load("nightloom.records.ours:FORMATS")))


def formats_of(learner: Learner, wanted: Collection[str] | None = None) -> list[Format]:
    """The formats that a learner's models can be written in, as far as they are wanted."""
    return [
        one
        for one in formats().records.values()
        if one.fits(learner.model) and (wanted is None or one.name in wanted)
    ]


def writers(settings: Any) -> dict[str, str]:
    """The code that writes the formats which a flow's settings ask for, by what `register` calls
    it."""
    wanted = formats_of(settings.learner, settings.registry.formats)
    return {f"{WRITER}{one.name}": one.write for one in wanted}


@by_declaration
def _ours() -> tuple[Family, ...]:
    # by name: keys of code that asks for one flow should not cover all of them
    own: tuple[Family, ...] = load("nightloom.records.ours:FAMILIES")
    return own


@by_declaration
def _others() -> tuple[Flow, ...]:
    names = ("SCORE", "NIGHTLY")
    return tuple(load(f"nightloom.records.ours:{name}") for name in names)
