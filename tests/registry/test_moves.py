"""Who is champion, by the gate and by people: the commands on a real store."""

import json
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from nightloom.cli import champion as commands
from nightloom.cli.accept_data import accept_data
from nightloom.errors import InputError
from nightloom.gate.judging import Verdict
from nightloom.home import Home
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import CHAMPION, REASON_TAG, RECIPE_TAG
from nightloom.settings.register import RegisterSettings
from nightloom.stages.held import Since, held, waiting
from tests.registry.conftest import CARD

PROMOTED = Verdict(decision="promoted", reason="promoted: fine", metric="accuracy", value=0.9)


class Desk:
    """Versions 1 to 4 of a model, all of which the gate promoted but the last."""

    def __init__(self, home: Home, root: Path, name: str) -> None:
        self.home, self.name = home, name
        self.registry = Registry(self.home.tracking_uri, self.home.model_files)
        model = root / "model"
        model.mkdir()
        (model / "saved_model.pb").write_bytes(b"graph")
        self.title = self.registry.title(name)
        self.versions = []
        for number in range(1, 5):
            made = self.registry.register(
                name, model_digest=f"d{number}", saved_model_dir=model, card=CARD
            )
            self.versions.append(made)
        champion = None
        for made in self.versions[:3]:
            self.registry.set_decision(made, PROMOTED, champion, by=f"run {made.version}")
            champion = made

    def run(self, command: str, *arguments: str) -> str:
        """What a command prints; raises what it raises."""
        done = CliRunner().invoke(
            getattr(commands, command),
            [one.replace("news", self.name) for one in arguments],
            env={"NIGHTLOOM_HOME": str(self.home.root)},
        )
        if done.exception and not isinstance(done.exception, SystemExit):
            raise InputError(str(done.exception).replace(self.name, "news"))
        return done.output.replace(self.name, "news")

    def champion(self) -> int:
        found = self.registry.champion(self.name)
        assert found is not None
        return found.version


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    one = Home(tmp_path_factory.mktemp("moves") / "home")
    one.create()
    return one


@pytest.fixture
def desk(home: Home, tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    return Desk(home, tmp_path, request.node.name.removeprefix("test_")[:40])


def test_every_move_is_entered_and_those_of_mlflows_ui_are_noticed(desk):
    desk.registry.set_decision(desk.versions[2], PROMOTED, desk.versions[2], by="run 3 again")
    moves = [(one.old, one.new, one.by) for one in desk.title.history()]
    assert moves == [(None, 1, "run 1"), (1, 2, "run 2"), (2, 3, "run 3")]
    desk.registry._client.set_registered_model_alias(desk.name, CHAMPION, "1")
    shown = json.loads(desk.run("history", "news", "--json"))
    assert [one["new"] for one in shown["moves"]] == [1, 2, 3, 1]
    assert shown["moves"][-1]["by"] == "outside nightloom"
    assert len(desk.title.history()) == 4, "noticed once"
    assert desk.title.last == 1
    desk.registry._client.delete_registered_model_alias(desk.name, CHAMPION)
    assert desk.title.last == 1, "of whom it was taken"
    assert "1 → none  by outside nightloom" in desk.run("history", "news")


def forget(desk):
    """As a version that knew no moves left it."""
    client = desk.registry._client
    for tag in list(client.get_registered_model(desk.name).tags):
        client.delete_registered_model_tag(desk.name, tag)


def test_the_history_of_an_earlier_version_begins_with_what_is_there(desk):
    forget(desk)
    [first] = desk.title.history()
    assert (first.old, first.new, first.by) == (None, 3, "unknown")


def test_promote_makes_a_challenger_champion_and_says_by_whom(desk):
    told = desk.run("promote", "news/4", "--why", "agreed with the desk", "--by", "Ada")
    assert told == "news/4 is the champion, before it version 3\n"
    assert desk.champion() == 4
    assert "3 → 4  by Ada: agreed with the desk" in desk.run("history", "news")
    again = desk.run("promote", "news/4", "--why", "twice", "--by", "Ada")
    assert again == "news/4 is the champion already\n"
    with pytest.raises(InputError, match="expected a version, such as news/4, got news"):
        desk.run("promote", "news", "--why", "x")
    with pytest.raises(InputError, match="news has no version 9"):
        desk.run("promote", "news/9", "--why", "x")
    assert "Missing option '--why'" in desk.run("promote", "news/1")


def test_what_was_rolled_back_stays_until_a_person_lifts_it(desk):
    desk.title.set_anchor(3)
    told = desk.run("rollback", "news", "--why", "calls prices sports", "--by", "Ada")
    assert told.splitlines()[0] == "news/2 is the champion, before it version 3"
    assert "`nightloom unpin news`" in told
    assert desk.champion() == 2
    two = desk.versions[1]
    assert desk.registry.anchor(two).version == 2, "what was withdrawn is no measure"
    back = held(desk.registry, desk.versions[3], two, PROMOTED)
    assert not back.promoted
    assert "by Ada (calls prices sports), `nightloom unpin " in back.reason
    assert desk.registry.set_decision(desk.versions[3], back, two).aliases == ("challenger",)
    assert desk.champion() == 2
    with pytest.raises(
        InputError, match="version 2 was pinned .* first run `nightloom unpin news`"
    ):
        desk.run("promote", "news/4", "--why", "x")
    assert desk.run("unpin", "news") == "the gate decides about the champion of news again\n"
    assert held(desk.registry, desk.versions[3], two, PROMOTED).promoted
    assert desk.run("unpin", "news") == "the champion of news was not held\n"
    desk.run("rollback", "news", "--to", "1", "--why", "older still")
    assert desk.champion() == 1


def test_a_second_rollback_goes_back_further_and_never_to_what_was_withdrawn(desk):
    for champion in (2, 1):
        told = desk.run("rollback", "news", "--why", "still wrong")
        assert told.startswith(f"news/{champion} is the champion, before it version ")
        assert (desk.champion(), desk.title.pin.version) == (champion, champion)
    assert set(desk.title.withdrawn()) == {3, 2}
    with pytest.raises(InputError, match="before version 1 that was not withdrawn; name one"):
        desk.run("rollback", "news", "--why", "x")
    desk.run("rollback", "news", "--to", "3", "--why", "it was the feed")
    with pytest.raises(InputError, match="before version 3 that was not withdrawn; name one"):
        desk.run("rollback", "news", "--why", "x")


def test_a_rollback_to_a_version_that_was_deleted_says_so(desk):
    desk.registry.client.delete_model_version(desk.name, "2")
    with pytest.raises(InputError, match="news/2, the champion before version 3, is not regist"):
        desk.run("rollback", "news", "--why", "x")
    desk.run("rollback", "news", "--to", "1", "--why", "the one before")
    assert desk.champion() == 1


def test_only_a_rollback_withdraws_whatever_the_reason_of_a_promotion_is(desk):
    desk.run("promote", "news/4", "--why", "rollback: the feed is whole again")
    assert desk.title.withdrawn() == {}
    desk.run("promote", "news/3", "--why", "x")
    [tag] = [
        one for one in desk.title._tags() if "move" in one and "whole" in desk.title._tags()[one]
    ]
    told = json.loads(desk.title._tags()[tag])
    del told["withdraws"]  # as an earlier release entered a rollback
    desk.title._tag(tag, json.dumps(told))
    assert set(desk.title.withdrawn()) == set()
    assert [one.withdraws for one in desk.title.history()] == [False, False, False, True, False]


@pytest.mark.parametrize("command", ["promote", "approve", "rollback", "pin"])
def test_a_reason_is_words_on_one_line(desk, command):
    model = "news" if command in ("rollback", "pin") else "news/4"
    for option, nothing in product(["--why", "--by"], ["", " \n"]):
        given = {"--why": "x", option: nothing}
        with pytest.raises(InputError, match=f"{option}: expected words for the history, got none"):
            desk.run(command, model, *(one for pair in given.items() for one in pair))
    with pytest.raises(InputError, match="--why: expected at most 1,000 characters, got 1,001"):
        desk.run(command, model, "--why", "x" * 1001)
    assert (desk.champion(), desk.title.pin) == (3, None)


@pytest.mark.parametrize("model", ["", "../..", "news/1"])
def test_data_are_let_in_for_a_model_that_was_checked(home, model):
    done = CliRunner().invoke(
        accept_data, [model, "--why", "x"], env={"NIGHTLOOM_HOME": str(home.root)}
    )
    assert isinstance(done.exception, InputError)
    assert f"got '{model}'; none was checked in this home yet" in str(done.exception)


def test_line_breaks_of_a_reason_are_spaces(desk):
    desk.run("pin", "news", "--why", "audit\n\tuntil  Friday", "--by", "Ada\nL.")
    assert desk.title.pin.told().endswith("by Ada L. (audit until Friday)")


def test_a_version_that_is_not_champion_is_not_passed_over(desk):
    desk.registry._client.set_registered_model_alias(desk.name, "challenger", "1")
    for command, version in product(["rollback", "pin"], ["news/1", "news@challenger"]):
        with pytest.raises(InputError, match=r"without a version, news, .* rollback news --to 1"):
            desk.run(command, version, "--why", "x")
    assert (desk.champion(), desk.title.pin) == (3, None)
    desk.run("pin", "news/3", "--why", "the champion by its number")
    assert desk.title.pin.version == 3


def test_a_rollback_may_end_by_a_proof_but_no_pin_and_not_for_a_twin_of_what_was_withdrawn(desk):
    client, (one, two, three, four) = desk.registry._client, desk.versions
    desk.run("rollback", "news", "--why", "calls prices sports", "--by", "Ada")
    better, worse = Since(True, "proved better"), Since(False, "not proved better")

    def verdict(version, since):
        return held(desk.registry, version, two, PROMOTED, since=lambda pin: since)

    kept = verdict(four, worse)
    assert not kept.promoted
    assert "(calls prices sports), not proved better; `nightloom unpin " in kept.reason
    passed = verdict(four, better)
    assert (passed.reason, passed.releases) == ("promoted: fine; proved better", True)
    for version in (three, four):
        client.set_model_version_tag(desk.name, str(version.version), RECIPE_TAG, "the same")
    twin = verdict(desk.registry.version(desk.name, 4), better)
    assert not twin.promoted
    assert "version 3 was withdrawn on " in twin.reason
    assert "this is made of the same data and settings" in twin.reason
    made = desk.registry.set_decision(one, verdict(one, better), two, by="run 5")
    assert made.aliases == ("champion",)
    assert desk.title.pin is None, "the hold ends with the move"
    desk.run("pin", "news", "--why", "audit", "--by", "Ada")
    assert not verdict(four, better).promoted, "a pin ends by a person alone"


def test_pin_holds_the_champion(desk):
    assert "version 3 was pinned on" in desk.run("pin", "news", "--why", "audit", "--by", "Ada")
    assert not held(desk.registry, desk.versions[3], desk.versions[2], PROMOTED).promoted
    refused = Verdict(decision="challenger", reason="refused: x", metric="accuracy", value=0.1)
    assert held(desk.registry, desk.versions[3], desk.versions[2], refused) == refused
    assert '"why": "audit"' in desk.run("history", "news", "--json")
    desk.registry.client.set_registered_model_alias(desk.name, CHAMPION, "1")
    elsewhere = "(audit), but version 1 is champion now"
    assert elsewhere in desk.run("history", "news")
    assert elsewhere in held(desk.registry, desk.versions[3], desk.versions[0], PROMOTED).reason


def test_what_cannot_be_done_is_one_line(desk):
    desk.registry._client.delete_registered_model_alias(desk.name, CHAMPION)
    for command in ("rollback", "pin"):
        with pytest.raises(InputError, match="news has no champion; `nightloom promote news/N`"):
            desk.run(command, "news", "--why", "x")
    with pytest.raises(InputError, match="no model 'nwes' is registered"):
        desk.run("history", "nwes")
    folder = Path(desk.versions[0].source.removeprefix("file://"))
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="the files of news/1 are not whole"):
        desk.run("promote", "news/1", "--why", "x")
    assert desk.registry.champion(desk.name) is None


def test_the_first_champion_has_nothing_to_roll_back_to(desk):
    forget(desk)
    with pytest.raises(
        InputError, match="news had no champion before version 3; name one with --to"
    ):
        desk.run("rollback", "news", "--why", "x")


def test_what_was_withdrawn_and_its_twin_stay_challengers_until_a_person_takes_them_back(desk):
    client, (one, two, three, four) = desk.registry._client, desk.versions
    for version in (three, four):
        client.set_model_version_tag(desk.name, str(version.version), RECIPE_TAG, "the same")
    three, four = (desk.registry.version(desk.name, n) for n in (3, 4))
    desk.run("rollback", "news", "--why", "calls prices sports", "--by", "Ada")
    desk.run("unpin", "news")
    for version, same in ((three, "that version"), (four, "made of the same data and settings")):
        kept = held(desk.registry, version, two, PROMOTED)
        assert not kept.promoted
        assert "version 3 was withdrawn on " in kept.reason
        assert (
            f"by Ada (calls prices sports), and this is {same}; `nightloom promote" in kept.reason
        )
    assert held(desk.registry, one, two, PROMOTED).promoted, "another model passes"
    desk.run("promote", "news/3", "--why", "it was the feed")
    assert held(desk.registry, four, three, PROMOTED).promoted


def test_a_model_that_passed_waits_for_a_person(desk):
    three, four = desk.versions[2:]
    asked = RegisterSettings(approve=True)
    assert waiting(RegisterSettings(), four, PROMOTED) == PROMOTED
    kept = waiting(asked, four, replace(PROMOTED, proved=True))
    assert kept.reason == (
        f'waits for a person, `nightloom approve {desk.name}/4 --why "…"`: promoted: fine'
    )
    assert desk.registry.set_decision(four, kept, three).aliases == ("challenger",)
    assert (desk.champion(), desk.title.anchor) == (3, 1)
    with pytest.raises(
        InputError, match="news/2 does not wait for approval; it is promoted: fine;"
    ):
        desk.run("approve", "news/2", "--why", "x")
    told = desk.run("approve", "news/4", "--why", "read the mistakes", "--by", "Ada")
    assert told == "news/4 is the champion, before it version 3\n"
    assert "3 → 4  by Ada: approved: read the mistakes" in desk.run("history", "news")
    now = desk.registry.version(desk.name, 4)
    assert now.decision == "promoted"
    assert now.tags[REASON_TAG] == "approved by Ada (read the mistakes): promoted: fine"
    assert desk.title.anchor == 4, "it was proved"
    with pytest.raises(InputError, match="news/4 does not wait for approval; it is promoted"):
        desk.run("approve", "news/4", "--why", "twice")


def test_an_approval_is_of_what_was_judged(desk):
    three, four = desk.versions[2:]
    kept = waiting(RegisterSettings(approve=True), four, PROMOTED)
    desk.registry.set_decision(four, kept, three)
    desk.run("pin", "news", "--why", "audit", "--by", "Ada")
    with pytest.raises(InputError, match="version 3 was pinned on .*first run `nightloom unpin"):
        desk.run("approve", "news/4", "--why", "x")
    desk.run("unpin", "news")
    desk.run("promote", "news/2", "--why", "meanwhile")
    with pytest.raises(InputError, match="judged against version 3, the champion is 2 now"):
        desk.run("approve", "news/4", "--why", "x")
