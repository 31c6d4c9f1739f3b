"""Records of nights in a store of MLflow's own making, as MLflow and its server see them."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from nightloom.errors import RunError
from nightloom.registry.nights.experiment import keep_night, nights_of
from nightloom.registry.nights.record import EXPERIMENT, KEPT, LONGEST, NightRecord
from nightloom.registry.store import open_client

NOW = time.time()
NEWS = NightRecord(
    night="run-1", called="nightly 2026-11-26 01:30", when=NOW, model="news", flow="ner-bert",
    verdict="promoted", reason="better", version=3, metric="f1", value=0.9, difference=0.01,
    low=-0.002, high=0.022, rows=1200, minutes=2.5,
)  # fmt: skip
MAIL = replace(NEWS, model="mail", verdict="failed", reason="x" * 2000, metric=None, value=None)


@pytest.fixture(scope="module", params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path_factory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("nights")
    if request.param == "server":
        return request.getfixturevalue("server"), folder
    return f"sqlite:///{folder / 'mlflow.db'}", folder / "mlartifacts"


def test_a_night_is_a_run_with_its_models_below(store):
    uri, root = store
    assert nights_of(uri) == [], "a store without any holds none"
    keep_night(uri, root, [NEWS, MAIL])
    assert nights_of(uri, "news") == [NEWS]
    assert [one.model for one in nights_of(uri)] == ["mail", "news"]
    assert nights_of(uri, "mail")[0].reason == "x" * LONGEST
    client = open_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"nightly 2026-11-26 01:30", "news", "mail"}
    parent = runs["nightly 2026-11-26 01:30"]
    assert parent.data.metrics == {"models": 2.0, "failed": 1.0}
    news = runs["news"]
    assert news.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert news.data.metrics["f1"] == 0.9 and news.data.metrics["rows"] == 1200
    assert news.data.params["verdict"] == "promoted"
    assert news.info.end_time - news.info.start_time == 150_000


def test_the_same_night_again_takes_its_own_place_and_two_years_are_kept(store):
    uri, root = store
    old = replace(NEWS, night="run-0", when=NOW - KEPT - 60)
    year = replace(NEWS, night="run-y", when=NOW - KEPT / 2)
    for one in (old, year):
        keep_night(uri, root, [one])
    again = replace(NEWS, verdict="unchanged")
    keep_night(uri, root, [again])
    assert nights_of(uri, "news") == [year, again]
    assert nights_of(uri, "mail") == [], "the night was run again without it"


def test_a_store_that_takes_nothing_is_told_in_one_line(tmp_path: Path):
    (tmp_path / "mlflow.db").write_text("no database" * 100)
    with pytest.raises(RunError, match="not a database; put a copy of it back") as error:
        keep_night(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path, [NEWS])
    assert "\n" not in str(error.value)
