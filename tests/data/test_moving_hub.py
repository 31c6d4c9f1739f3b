"""A data set on a hub that gets new commits: its identity moves with them, also in a night."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nightloom.cache.key import differences
from tests.data.hub_server import COMMIT, Hub, serve

NEXT = "89abcdef0123456789abcdef0123456789abcdef"
LOOK = """
import json, sys
from nightloom.data.sources.opened import source_identity
from nightloom.errors import NightloomError
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.sources import source_named
for source, offline, entities in json.loads(sys.argv[1]):
    kind = EntityDataSettings if entities else TextDataSettings
    settings = kind(source=source, offline=offline)
    try:
        identity = source_identity(settings)
        told = source_named(source).told(settings)
        print(json.dumps({"identity": identity, "told": told}))
    except NightloomError as error:
        print(json.dumps({"error": str(error), "code": error.exit_code}))
"""


def look(home: Path, url: str, *asked: tuple[str, str], entities: bool = False, **more: str) -> Any:
    """What is known of each (source, data.offline), in a process of its own."""
    given = json.dumps([(*one, entities) for one in asked])
    environment = {"HF_ENDPOINT": url, "HF_HUB_OFFLINE": "0", "NIGHTLOOM_HOME": str(home), **more}
    done = subprocess.run(
        [sys.executable, "-c", LOOK, given],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("entities", [False, True], ids=["texts", "entities"])
def test_a_new_commit_is_another_identity_and_an_unreached_hub_what_was_last_known(
    tmp_path: Path, entities: bool
) -> None:
    hub = Hub({"we/news": {"data/train-00000-of-00001.parquet": b"rows"}})
    home = tmp_path / "home"
    home.mkdir()
    both = [("hf:we/news", "use"), (f"hf:we/news@{COMMIT}", "use")]
    with serve(hub):
        first, pinned = look(home, hub.url, *both, entities=entities)
        asked = [one for one in hub.requests if "datasets" in one]
        hub.commit = NEXT
        second, still, other = look(
            home, hub.url, *both, ("hf:we/nothing", "use"), entities=entities
        )
    assert first["identity"]["commit"] == pinned["identity"]["commit"] == COMMIT
    assert asked == ["GET /api/datasets/we/news"], "one short question, none for what is pinned"
    assert second["identity"]["commit"] == NEXT
    assert still["identity"] == pinned["identity"]
    assert other["identity"]["commit"] is None, "the download says what is wrong"
    assert (first["told"], second["told"]) == ("", "")
    parts = [{"external": {"data.source": one["identity"]}} for one in (first, second)]
    rest = {"settings": {}, "inputs": {}, "code": {}, "libraries": {}}
    assert differences(parts[0], {**rest, **parts[1]}) == [
        "data.source changed: commit 0123456789ab → 89abcdef0123"
    ]
    [gone, pinned, failing] = look(home, hub.url, *both, ("hf:we/news", "fail"), entities=entities)
    assert gone["identity"] == second["identity"], "a hit, as long as it is away"
    assert "hf:we/news: the Hugging Face hub cannot be reached" in gone["told"]
    assert "ago, commit 89abcdef" in gone["told"]
    assert pinned["told"] == ""
    assert failing["code"] == 1 and "data.offline=fail allows nothing older" in failing["error"]


def test_a_hub_that_was_never_reached_leaves_it_to_the_download(tmp_path: Path) -> None:
    [away] = look(tmp_path, "http://127.0.0.1:9", ("hf:we/news", "use"))
    assert away["identity"]["commit"] is None
    [offline] = look(tmp_path, "http://127.0.0.1:9", ("hf:we/news", "use"), HF_HUB_OFFLINE="1")
    assert (offline["identity"]["commit"], offline["told"]) == (None, "")
    assert not (tmp_path / "sources").exists()
    [no_home] = look(tmp_path / "none", "http://127.0.0.1:9", ("hf:we/news", "use"))
    assert no_home["identity"]["commit"] is None and not (tmp_path / "none").exists()
