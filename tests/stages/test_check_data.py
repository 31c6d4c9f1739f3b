"""What tonight's data are compared with, night after night, and who lets them in.

Data and check are built as in a run, in this process; a champion is made in a real registry.
"""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightloom.cache.artifact import Artifact
from nightloom.errors import DataRefused
from nightloom.home import Home
from nightloom.records.known import find_flow
from nightloom.registry.references import accept, needed_by_checks
from nightloom.registry.store import open_client
from nightloom.settings.parse import parse_settings
from nightloom.tasks.check_data import check_data
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.runtime.planning import planning
from nightloom.tasks.runtime.run import Run, pipeline
from tests.data.test_checks import Row, flipped, made
from tests.every_setting.runner import in_this_process
from tests.flows.test_check_data import write

FLOW = "classify-transformer"
GOOD = made(900, seed=1)
BAD = flipped(GOOD, 0.3)[:450]


class Nights:
    """A home in which night follows night."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "news.csv"
        self.run: Run | None = None

    def __call__(self, rows: list[Row], *settings: str, plan: bool = False) -> str:
        """What became of the check: its state and its verdict."""
        write(self.source, rows)
        given = [f"data.source={self.source}", *settings]
        parsed = parse_settings(find_flow(FLOW).load_settings(), given)
        with (
            planning() if plan else contextlib.nullcontext(),
            in_this_process(),
            pipeline(FLOW, parsed) as self.run,
        ):
            self.dataset = download_dataset(parsed)
            check_data(parsed, dataset=self.dataset)
        assert self.run is not None
        entry = self.run.entries[-1]
        return f"{entry.state} {entry.verdict}"

    def promote(self) -> None:
        """Make a champion of what the last night would have trained."""
        assert self.run is not None and isinstance(self.dataset, Artifact)
        check = self.run.facts["check"]
        summary = self.run.home.artifacts / "check_data" / check["key"] / "summary.json"
        client = open_client(self.run.home.tracking_uri)
        with contextlib.suppress(Exception):
            client.create_registered_model(FLOW)
        tags = {
            "nightloom.key.download_dataset": self.dataset.key,
            "nightloom.digest.download_dataset": self.dataset.digest,
            "nightloom.data_check": json.dumps(check["note"]),
            "nightloom.data_summary": summary.read_text("utf-8"),
        }
        made = client.create_model_version(FLOW, "file:///nowhere", tags=tags)
        client.set_registered_model_alias(FLOW, "champion", made.version)


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Nights(tmp_path)


def refusal(night: Callable[..., Any], *given: Any) -> str:
    with pytest.raises(DataRefused) as refused:
        night(*given)
    return str(refused.value)


def test_night_after_night(nights: Nights):
    assert nights(GOOD) == "built fine"
    nights.promote()
    assert nights(GOOD) == "hit fine", "a promotion moves no key"
    said = refusal(nights, BAD)
    assert "beside the data of the champion, version 1: 450 rows" in said
    assert '`nightloom accept-data classify-transformer --why "…"`' in said
    assert refusal(nights, BAD) == said, "and from the cache"
    assert nights(BAD, plan=True) == "hit refused"
    assert nights(BAD, "check.refuse=false") == "hit refused"
    assert nights(BAD, "data.limit=300") == "built refused", "a person changed what is read"
    assert refusal(nights, BAD) == said
    accept(Home.current(), FLOW, by="Ann", why="new desk")
    assert nights(BAD) == "hit refused", "let in"
    assert nights.dataset.key in {key for (_, key), _ in needed_by_checks(Home.current())}
    said = refusal(nights, GOOD)
    assert "the data let in by Ann" in said and "the data before have 450" in said
    assert "champion" not in said, "it is beside what was let in"
    assert nights(BAD) == "hit refused"
    nights.promote()
    assert nights(BAD) == "hit refused", "a new champion is the measure; it was trained on these"
    assert "the data of the champion, version 2" in refusal(nights, GOOD)


def test_where_the_data_of_the_champion_are_gone_a_summary_is_left(nights: Nights):
    assert nights(GOOD) == "built fine"
    nights.promote()
    shutil.rmtree(Home.current().artifacts / "download_dataset" / nights.dataset.key)
    said = refusal(nights, BAD)
    assert "of which a summary is left: 450 rows, the data before have 900" in said
    assert nights(made(900, seed=3)) == "built fine"
