"""Judging and moving as one step: at once, killed on the way, and past a lock that others lack."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.drills import promotions
from benchmarks.drills.command import Drill
from nightloom.gate.judging import Verdict
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.promotion import TRIES, decide
from nightloom.registry.store import open_client
from nightloom.registry.versions import Version

PROMOTED = Verdict(decision="promoted", reason="promoted: fine", metric="accuracy", value=0.9)
REFUSED = replace(PROMOTED, decision="challenger", reason="refused: worse")


@pytest.mark.long("promotions", short=True)
def test_four_at_once_are_one_chain_and_a_killed_one_is_whole_or_nothing(
    tmp_path: Path, long_form: bool, capfd: pytest.CaptureFixture[str]
):
    drill = Drill(tmp_path, "", [], times=50 if long_form else 1, seed=1, api_url="")
    outcomes = promotions.drill(drill)
    assert [one.line for one in outcomes if one.right != one.times] == [], capfd.readouterr().out
    assert len(outcomes) == 3


class Contest:
    """Versions 1 to 4 of a model, the first of which is champion; what `decide` says and asks."""

    def __init__(self, registry: Registry, name: str) -> None:
        client = open_client(registry.tracking_uri)
        client.create_registered_model(name)
        for _ in range(4):
            client.create_model_version(name, "file:///nothing")
        self.registry, self.name, self.title = registry, name, registry.title(name)
        self.title.move(1, by="the first", why="first model")
        self.asked: list[int | None] = []
        self.said: list[str] = []

    def judge(self, champion: Version | None) -> Verdict:
        """Every candidate passes."""
        self.asked.append(champion.version if champion else None)
        against = f"promoted: against {self.asked[-1]}"
        return replace(PROMOTED, reason=against)

    def decide(self, number: int, registry: Registry | None = None, judge=None):
        registry = registry or self.registry
        version = registry.version(self.name, number)
        given = judge or self.judge
        return decide(registry, version, given, by=f"run {number}", say=self.said.append)

    @property
    def moves(self) -> list[tuple[int | None, int | None, str]]:
        return [(one.old, one.new, one.by) for one in self.title.history()]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("promotion")
    return Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "files")


@pytest.fixture
def contest(store: Registry, request: pytest.FixtureRequest) -> Contest:
    return Contest(store, request.node.name.removeprefix("test_")[:60])


def test_who_lost_the_race_before_moving_is_judged_again(contest):
    def judge(champion):
        if not contest.asked:  # meanwhile, on another machine
            contest.title.move(2, by="run 2", why="promoted")
        return contest.judge(champion)

    decided = contest.decide(3, judge=judge)
    assert contest.asked == [1, 2]
    assert (decided.verdict.reason, decided.champion.version) == ("promoted: against 2", 2)
    assert contest.moves[1:] == [(1, 2, "run 2"), (2, 3, "run 3")]
    assert "version 2 is the champion now; judging again" in contest.said[0]


class Slow(Registry):
    """A registry in which another machine moves the title right before or after we do."""

    before = after = False

    def set_decision(self, version, verdict, champion=None, *, by="a run"):
        title, first = self.title(version.name), self.before or self.after
        if self.before:
            title.move(2, by="run 2", why="promoted")
        made = super().set_decision(version, verdict, champion, by=by)
        if self.after:
            title.move(2, by="run 2", why="promoted")
        if first:
            self.before = self.after = False
        return made


def slow(contest: Contest) -> Slow:
    return Slow(contest.registry.tracking_uri, contest.registry.artifact_root)


def test_who_passed_another_over_is_judged_against_it_and_keeps_the_title(contest):
    other = slow(contest)
    other.before = True
    decided = contest.decide(3, other)
    assert contest.asked == [1, 2], "against whom it passed over as well"
    assert decided.version.aliases == ("champion",)
    last = contest.title.history()[-1]
    assert (last.old, last.new) == (2, 3)
    assert last.why == "both were promoted at once; judged again: promoted: against 2"


def test_who_passed_another_over_and_is_worse_gives_the_title_back(contest):
    other = slow(contest)
    other.before = True

    def judge(champion):
        contest.judge(champion)
        return PROMOTED if champion.version == 1 else REFUSED

    decided = contest.decide(3, other, judge)
    assert contest.title.holder == 2
    assert decided.version.aliases == ("challenger",)
    assert decided.version.tags["nightloom.reason"] == "refused: worse"
    assert contest.moves[-1] == (3, 2, "run 3")


def test_who_is_passed_over_is_judged_against_the_new_champion(contest):
    other = slow(contest)
    other.after = True
    contest.decide(3, other)
    assert contest.asked == [1, 2]
    assert contest.moves[1:] == [(1, 3, "run 3"), (3, 2, "run 2"), (2, 3, "run 3")]


def test_a_champion_that_changes_for_ever_is_left_to_another_night(contest):
    def judge(champion):
        contest.title.move(4 if champion.version == 2 else 2, by="somebody", why="restless")
        return contest.judge(champion)

    decided = contest.decide(3, judge=judge)
    assert len(contest.asked) == TRIES
    assert decided.verdict.decision == "challenger"
    assert decided.verdict.reason.startswith(
        f"held back: {contest.name} had another champion each of the 5 times"
    )


def test_an_intention_that_nobody_carried_out_is_forgotten(contest):
    client, name = open_client(contest.registry.tracking_uri), contest.name
    before = dict(client.get_registered_model(name).tags)
    intention = (
        '{"move": {"when": 1.0, "old": 1, "new": 4, "by": "the dead", "why": "x"}, '
        '"anchor": 4, "tags": {}}'
    )
    client.set_registered_model_tag(name, "nightloom.moving", intention)
    contest.title.settle()
    assert dict(client.get_registered_model(name).tags) == before
    client.set_registered_model_alias(name, "champion", "4")
    assert contest.moves[-1] == (1, 4, "outside nightloom"), "by a person, later"
