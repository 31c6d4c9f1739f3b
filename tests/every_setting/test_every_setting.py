"""No setting without a run: every value of every setting with every value of every other one."""

import subprocess
import sys
from pathlib import Path

import pytest

from nightloom.errors import InputError
from nightloom.records.known import families, settings_of
from nightloom.settings.base import Settings
from nightloom.settings.parse import names, parse_settings
from tests.every_setting import other_flows
from tests.every_setting.__main__ import FLOWS, TRAINED
from tests.every_setting.array import all_pairs, allowed, pairs_of, row_with, rows_over
from tests.every_setting.drive import Coverage, cover, named_pair
from tests.every_setting.values import Table, outside, values_of
from tests.naming import ROOT


class Later(Settings):
    share: float = 0.5
    steps: int | None = None
    note: str = ""


class Tree(Settings):
    later: Later = Later()


def test_a_later_setting_enters_by_itself_or_says_what_is_missing() -> None:
    with pytest.raises(LookupError, match=r"^later\.note is a text .* add values to its table"):
        values_of(Tree, Table())
    found = values_of(Tree, Table(texts={"later.note": ["", "x"]}))
    assert found == {
        "later.share": ["0.5"],
        "later.steps": ["none"],
        "later.note": ["", "x"],
    }


@pytest.mark.parametrize("flow", other_flows.FLOWS)
def test_the_flows_that_train_nothing_have_values_for_all_settings(flow: str, tmp_path: Path):
    kind = other_flows.kind_of(flow)
    assert values_of(kind, other_flows.table_for(flow, tmp_path)).keys() == set(names(kind))


KINDS = {**{flow: settings_of(flow) for flow in families()},
         **{flow: other_flows.kind_of(flow) for flow in other_flows.FLOWS}}  # fmt: skip
NEEDED = {"score": ["model=news", "data.source=rows.csv"]}


@pytest.mark.parametrize("flow", KINDS)
def test_what_lies_outside_an_edge_is_refused_by_name(flow: str) -> None:
    for path, values in outside(KINDS[flow]).items():
        for value in values:
            with pytest.raises(InputError) as error:
                parse_settings(KINDS[flow], [*NEEDED.get(flow, ()), f"{path}={value}"])
            said = str(error.value)
            assert "\n" not in said
            assert path in said, f"{path}={value}: {said}"


VALUES = {"a.one": ["1", "2", "3"], "a.two": ["x", "y"], "b.three": ["p", "q"]}


def test_rows_cover_all_pairs_but_those_that_are_refused() -> None:
    refused = {frozenset({("a.one", "1"), ("a.two", "x")})}
    rows = list(rows_over(VALUES, refused, tried=[], seed=1))
    assert all(allowed(row, refused) for row in rows)
    assert set().union(*map(pairs_of, rows)) == all_pairs(VALUES) - refused
    assert row_with(next(iter(refused)), VALUES, refused, seed=1) is None


def test_the_array_is_made_anew_around_what_is_refused() -> None:
    def attempt(row: dict[str, str]) -> None:
        if (row["a.one"], row["b.three"]) == ("2", "q"):
            raise InputError("a.one=2 does not go with b.three=q")

    coverage = Coverage("flow", VALUES)
    cover(coverage, attempt, seed=1, enough=lambda: False)
    assert set(coverage.refused) == {frozenset({("a.one", "2"), ("b.three", "q")})}
    assert not coverage.open
    assert not coverage.faults


def test_a_refusal_that_does_not_name_the_pair_covers_nothing() -> None:
    def attempt(row: dict[str, str]) -> None:
        if (row["a.one"], row["b.three"]) == ("2", "q"):
            raise InputError("a.one=2 cannot be")

    coverage = Coverage("flow", VALUES)
    cover(coverage, attempt, seed=1, enough=lambda: False)
    assert coverage.faults
    assert coverage.open == {frozenset({("a.one", "2"), ("b.three", "q")})}
    assert named_pair("a.one=2, a.two=x and b.three=q", {"a.one": "2", "a.two": "x"}) is not None
    assert named_pair("a.one", {"a.one": "2", "a.two": "x"}) is None


@pytest.mark.long("settings", short=True)
def test_every_pair_of_settings_answers_or_is_refused_by_name(long_form: bool) -> None:
    """The short form: the rules of what is refused, and a row of one flow.

    The long form has a process for each flow: TensorFlow keeps what it compiled for a row.
    """
    short = [*TRAINED, "--runs", "1", "--draw", "1", "--seed", "2"]
    failed = []
    for given in [[flow] for flow in FLOWS] if long_form else [short]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.every_setting", *given],
            cwd=ROOT,
            stdout=None if long_form else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        failed += [(given, done.stdout)] if done.returncode else []
    assert not failed
