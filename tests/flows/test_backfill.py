"""Days that are over, each trained as a night of that day: the metric by day, and no trace."""

import json
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from nightloom.settings.parse import parse_settings
from tests.flows.conftest import Nightloom
from tests.flows.test_ui import artifacts

FIRST = date(2026, 10, 1)
SMALL = (
    "data.time=day", "data.since=-4d", "model.length=12", "train.epochs=1",
    "train.jit_compile=false", "train.batch_size=64",
)  # fmt: skip


def write(path: Path, days: int) -> Path:
    """Eight stories a day, from the first on."""
    rows = [
        {
            "text": f"story {day} {n} of a {colour} thing",
            "label": colour,
            "day": (FIRST + timedelta(days=day)).isoformat(),
        }
        for day in range(days)
        for n, colour in enumerate(("red", "blue") * 4)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_five_days_are_built_once_and_one_that_fails_stops_none(
    quick: Nightloom, prefect_api: str, tmp_path: Path
) -> None:
    home, source = tmp_path / "home", write(tmp_path / "stories.jsonl", 12)
    good = 3
    failing = FIRST  # no row is from before it
    last = FIRST + timedelta(days=1 + good)
    days = [(FIRST + timedelta(days=2 + n)).isoformat() for n in range(good)]
    empty = [failing.isoformat(), (FIRST + timedelta(days=1)).isoformat()]
    model = ("backfill", "classify-transformer", f"data.source={source}", *SMALL)
    done = quick(home, *model, "--from", str(failing), "--to", str(last), "--json")
    assert done.code == 1, done.err
    report = done.report
    assert report["failed"] == empty and report["state"] == "failed"
    assert [one["day"] for one in report["days"]] == [*empty, *days]
    assert f"2 of {good + 2} days failed: {failing}: " in report["error"]
    for one in report["days"][2:]:
        since = max(FIRST, date.fromisoformat(one["day"]) - timedelta(days=4))
        rows = 8 * (date.fromisoformat(one["day"]) - since).days
        assert sum(one["rows"].values()) == rows, "rows of the day itself come after the night"
        assert one["value"] == one["metrics"]["accuracy"]
        assert one["model"] is None
        states = {entry["stage"]: entry["state"] for entry in one["stages"]}
        assert states["check_data"] == states["register"] == "skipped"
    assert "to resume: nightloom backfill classify-transformer" in done.err
    assert quick(home, "models", "--json").out.strip() in ("[]", ""), "nothing was registered"

    ahead = str(last + timedelta(days=1))
    for first, planned in ((days[-1], ["hit"]), (ahead, ["hit", "miss", "depends"])):
        plan = quick(home, *model, "--from", first, "--to", ahead, "--plan", "--json")
        assert plan.code == 0, plan.err
        one = plan.report["days"][0]
        assert plan.report["state"] == one["state"] == "planned"
        assert set(planned) >= {entry["state"] for entry in one["stages"]} - {"skipped"}
        assert plan.report["forecast"]["seconds"] > 0, "of the day that is new"
        assert plan.report["forecast"]["unknown"] == []
        assert "nothing would be built: all of it is cached" in plan.err or first == ahead
        assert "would be built: download_dataset, " in plan.err and "; about " in plan.err

    again = quick(home, *model, "--from", days[0], "--to", str(last))
    assert again.code == 0, again.err
    assert "MISS" not in again.err
    lines = again.out.splitlines()
    assert lines[0].split() == ["day", "accuracy", "train", "valid", "test"]
    assert [line.split()[0] for line in lines[1 : 1 + good]] == days
    assert "bars     accuracy from" in again.out

    found = artifacts(prefect_api, report["flow_run_id"])
    told = found["classify-transformer-backfill"]["data"]
    assert f"accuracy, {days[0]} to {days[-1]}: " in told
    table = json.loads(found["classify-transformer-backfill-days"]["data"])
    assert [row["state"] for row in table] == ["failed", "failed", *["completed"] * good]
    run = httpx.get(f"{prefect_api}/flow_runs/{report['days'][2]['flow_run_id']}").json()
    assert run["name"] == days[0] and "nightloom-model" in run["tags"]


@pytest.mark.parametrize(
    "flow, days, settings, expected",
    [
        ("classify-transformr", "2026-10-01 2026-10-02", "", "did you mean classify-transformer?"),
        ("nightly", "2026-10-01 2026-10-02", "", "a backfill is of one model, got nightly"),
        ("classify-transformer", "2026-10-02 2026-10-01", "", "expected --from before --to"),
        ("classify-transformer", "2026-10-01 2026-10-41", "", "such as 2026-11-26 after --to"),
        ("classify-transformer", "today 2026-10-01", "", "after --from, got today"),
        ("classify-transformer", "2026-10-01 9999-01-01", "", "expected days up to today"),
        ("classify-transformer", "2026-10-01 2026-10-02", "data.source=sample", "needs data.time"),
        ("ner-bert", "2026-10-01 2026-10-02", "data.tim=x", "did you mean data.time?"),
        (
            "classify-transformer",
            "2026-10-01 2026-10-02",
            "data.source=/nowhere/x.csv data.time=day",
            "no such file or directory",
        ),
        (
            "classify-transformer",
            "2026-10-01 2026-10-02",
            "data.source={here} data.time=day data.since=2026-10-02",
            "no row is both from data.since=2026-10-02 on and before 2026-10-02",
        ),
    ],
)
def test_what_is_wrong_with_every_day_is_one_line(
    flow: str, days: str, settings: str, expected: str, quick: Nightloom, tmp_path: Path
) -> None:
    first, last = days.split()
    given = settings.format(here=write(tmp_path / "stories.jsonl", 2)).split()
    done = quick(tmp_path / "home", "backfill", flow, "--from", first, "--to", last, *given)
    assert done.code == 2
    [line] = done.err.strip().splitlines()
    assert line.startswith("error: ") and expected in line
    assert not (tmp_path / "home" / "artifacts").exists()


def test_a_night_of_a_day_sees_what_was_there() -> None:
    from nightloom.settings.backfill import BackfillSettings, on_day
    from nightloom.settings.flows import ClassifyTransformer
    from nightloom.settings.nightly import NightlyModel

    given = ["data.time=day", "data.since=-2w", "data.until=-1d", "data.test_from=-3d"]
    seen = on_day(parse_settings(ClassifyTransformer, given), date(2026, 3, 1)).data
    assert (seen.since, seen.until, seen.test_from) == ("2026-02-15", "2026-02-28", "2026-02-26")
    for until, then in (("2026-02-10", "2026-02-10"), ("2026-09-10", "2026-03-01"), ("none",) * 2):
        settings = parse_settings(ClassifyTransformer, ["data.time=day", f"data.until={until}"])
        wanted = "2026-03-01" if then == "none" else then
        assert on_day(settings, date(2026, 3, 1)).data.until == wanted
    model = NightlyModel(flow="classify-transformer", settings={"data.time": "day"})
    asked = BackfillSettings(model=model, first="2026-02-27", last="2026-03-01")
    assert [str(day) for day in asked.days] == ["2026-02-27", "2026-02-28", "2026-03-01"]
    with pytest.raises(ValueError, match="expected --from before --to"):
        BackfillSettings(model=model, first="2026-03-02", last="2026-03-01")
