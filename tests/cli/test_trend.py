"""`nightloom trend`: from the records in the home's store."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from nightloom.cli.main import COMMANDS
from nightloom.cli.trend import trend
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.registry.nights.experiment import keep_night
from nightloom.registry.nights.record import NightRecord

NEWS = NightRecord(
    night="n", called="nightly 2026-11-26 01:30", when=2e9, model="news", flow="ner-bert",
    verdict="promoted", reason="better", version=3, metric="f1", value=0.9, rows=1200, minutes=2.5,
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Home(tmp_path)


def test_a_models_nights_as_lines_and_as_json(home: Home):
    assert COMMANDS["trend"] == "nightloom.cli.trend:trend"
    with pytest.raises(InputError, match="no night was recorded yet"):
        CliRunner().invoke(trend, ["news"], catch_exceptions=False)
    for at in range(3):
        one = replace(NEWS, night=f"n{at}", when=2e9 + at, value=0.9 + at / 100)
        keep_night(home.tracking_uri, home.model_files, [one])
    told = CliRunner().invoke(trend, ["news", "--nights", "2"]).output.splitlines()
    assert told[0].split() == ["night", "verdict", "f1", "change", "rows", "minutes"]
    assert told[2].split()[2:] == ["promoted", "0.9200", "+0.0100", "1,200", "2.5"]
    assert told[3] == "earlier nights (1): --nights 3"
    shown = json.loads(CliRunner().invoke(trend, ["news", "--json"]).output)
    assert [one["value"] for one in shown] == [0.9, 0.91, 0.92]
    assert shown[0]["verdict"] == "promoted" and shown[0]["day"] == "2026-11-26 01:30"
    with pytest.raises(InputError, match="got 'mail'; there are nights of news"):
        CliRunner().invoke(trend, ["mail"], catch_exceptions=False)
