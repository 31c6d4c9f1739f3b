"""A run on the newest rows of some days: what counts back from the night stands as a date."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.flows.conftest import Nightloom


def write(path: Path, days: int) -> date:
    """Four stories a day, up to a week after today; the last day."""
    last = datetime.now(UTC).date() + timedelta(days=7)
    rows = [
        {
            "text": f"story {day} {n} of a {colour} thing",
            "label": colour,
            "day": (last - timedelta(days=day)).isoformat(),
        }
        for day in range(days)
        for n, colour in enumerate(("red", "blue", "red", "blue"))
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return last


def test_days_before_the_night_are_dates_in_key_and_report(
    quick: Nightloom, tmp_path: Path
) -> None:
    home, source = tmp_path / "home", tmp_path / "stories.jsonl"
    last = write(source, 90)
    command = ("run", "classify-transformer", f"data.source={source}", "data.time=day")
    small = ("model.length=16", "train.epochs=1", "train.jit_compile=false", "train.batch_size=64")
    done = quick(home, *command, *small, "data.since=-30d", "--json")
    assert done.code == 0, done.err
    key = str(done.entry("download_dataset")["key"])
    facts = json.loads((home / "artifacts" / "download_dataset" / key / "dataset.json").read_text())
    since = facts["within"]["since"]
    assert timedelta(36) <= last - date.fromisoformat(since) <= timedelta(37)
    assert facts["cut"]["test_from"] > since
    days = (last - date.fromisoformat(since)).days + 1
    assert sum(facts["rows"].values()) == 4 * days
    assert f"not from {since}" in done.err
    dated = quick(home, *command, *small, f"data.since={since}", "--plan", "--json")
    assert dated.states["download_dataset"] == "hit", dated.err
    other = quick(home, *command, *small, "data.since=-29d", "--plan", "--json")
    assert other.states["download_dataset"] == "miss"
    assert f"data.since {since} →" in other.entry("download_dataset")["why"]
