"""`metrics.prom`: what Prometheus' own parser reads is how the last runs went."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from nightloom.home import Home
from nightloom.reporting.measures import ANSWERS, FILE, MODEL, NIGHT, Measured, measure

ODD = 'a "quoted" \\ name\nof two lines'


def read(home: Path) -> dict[tuple[str, str], float]:
    """Each sample by its name and the value of its first label."""
    found = {}
    for family in text_string_to_metric_families((home / FILE).read_text("utf-8")):
        assert family.documentation and family.type == "gauge"
        for sample in family.samples:
            [of] = [one for name, one in sample.labels.items() if name != "metric"] or [""]
            key = (sample.name.removeprefix("nightloom_"), of)
            assert key not in found
            found[key] = sample.value
    return found


def model(**told: object) -> Measured:
    given = {"kind": MODEL, "name": "news", "ended": 1000.0, "succeeded": True, "seconds": 90.0}
    return Measured(**{**given, **told})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_failed_run_leaves_what_the_last_good_one_told(home):
    measure(home, model(metric="accuracy", value=0.75, champion=3, data=400.0))
    measure(home, model(ended=2000.0, succeeded=False, seconds=5.0, champion=0))
    found = read(home.root)
    assert {name: found[name, "news"] for name, of in found if of == "news"} == {
        "last_run_timestamp_seconds": 2000,
        "last_run_succeeded": 0,
        "last_success_timestamp_seconds": 1000,
        "run_seconds": 5,
        "metric": 0.75,
        "champion_version": 0,
        "data_timestamp_seconds": 400,
        "data_age_seconds": 1600,
    }
    assert 0 < found["home_free_bytes", ""] < found["home_size_bytes", ""]
    assert 'nightloom_metric{metric="accuracy",model="news"} 0.75' in (home.root / FILE).read_text()


def test_models_answers_and_nights_stand_beside_each_other_under_any_name(home):
    measure(home, model(name=ODD))
    measure(home, model(name=ODD, kind=ANSWERS, rows=7))
    measure(home, model(name="nightly", kind=NIGHT, succeeded=False, failed=2))
    found = read(home.root)
    assert found["last_run_succeeded", ODD] == 1
    assert found["answers_rows", ODD] == 7
    assert "answers_rows Rows of the last run, answered or not\n" in (home.root / FILE).read_text()
    assert found["night_failures", "nightly"] == 2
    assert ("night_last_success_timestamp_seconds", "nightly") not in found


def test_what_cannot_be_read_is_left_and_nothing_half_written_stays(home):
    measure(home, model())
    (home.root / "metrics" / "damaged.json").write_text("{")
    measure(home, model(name="other"))
    assert {of for name, of in read(home.root) if name == "run_seconds"} == {"news", "other"}
    assert {path.name for path in home.root.iterdir()} == {FILE, "metrics"}
