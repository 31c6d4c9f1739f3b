"""The long forms of the tests: `python -m tests --long [NAME]`.

`@pytest.mark.long("drills")` on a test makes it one: skipped unless asked for. With `short=True`
the test has a short form as well, which runs always; the fixture `long_form` says which is wanted.
"""

import os
from collections.abc import Iterable

import pytest

ALL = "all"
CASES = "NIGHTLOOM_FUZZ_CASES"
"""How many cases the properties try (`--long fuzz`); without it a hundred, always the same."""
FUZZ_CASES = "15000"


def add_option(parser: pytest.Parser) -> None:
    """Register `--long [NAME]`."""
    parser.addoption(
        "--long",
        nargs="?",
        const=ALL,
        metavar="NAME",
        help="run the long forms of the tests and nothing else: all, or those of this name",
    )


def environment(wanted: str) -> dict[str, str]:
    """Return the variables of a long run: they are read when modules are imported."""
    cases = os.environ.get(CASES, FUZZ_CASES)
    return {**os.environ, **({CASES: cases} if wanted in (ALL, "fuzz") else {})}


def names(item: pytest.Item) -> set[str]:
    """Return the names of the long forms that a test belongs to; properties are all "fuzz"."""
    fuzz = {"fuzz"} if getattr(getattr(item, "obj", None), "is_hypothesis_test", False) else set()
    return fuzz | {mark.args[0] for mark in item.iter_markers("long")}


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip long tests, or with `--long` keep only those asked for.

    Raises:
        pytest.UsageError: no long test has this name; the message says which names there are.
    """
    wanted = config.getoption("--long")
    if wanted is None:
        for item in items:
            if not all(mark.kwargs.get("short") for mark in item.iter_markers("long")):
                name = min(names(item))
                reason = f"a long test: python -m tests --long {name}"
                item.add_marker(pytest.mark.skip(reason=reason))
        return
    known = sorted(set().union(*(names(item) for item in items)))
    if wanted not in (ALL, *known):
        raise pytest.UsageError(
            f"--long {wanted}: no long test is called so; there are {', '.join(known) or 'none'}"
        )
    chosen, others = _split(items, wanted)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


def _split(
    items: Iterable[pytest.Item], wanted: str
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        (chosen if names(item) and wanted in (ALL, *names(item)) else others).append(item)
    return chosen, others
