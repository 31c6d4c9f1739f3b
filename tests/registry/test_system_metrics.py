"""What stages used, with the run of a version, as MLflow and its server see it."""

import pytest

from nightloom.errors import RunError
from nightloom.registry.store import open_client
from nightloom.registry.system_metrics import keep_usage
from nightloom.usage import CPU, MEMORY, Usage

ENCODE = Usage({CPU: 50.0, MEMORY: 100.0}, {CPU: 90.0, MEMORY: 150.0}, [(10.0, {MEMORY: 100.0})])
TRAIN = Usage(
    {CPU: 80.0, MEMORY: 400.0, "gpu_0_utilization_percentage": 95.0},
    {CPU: 99.0, MEMORY: 500.0, "gpu_0_utilization_percentage": 100.0},
    [(at + 20.0, {MEMORY: 400.0 + at, CPU: 80.0}) for at in range(600)],
)


@pytest.fixture(scope="module", params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path_factory) -> str:
    if request.param == "server":
        return str(request.getfixturevalue("server"))
    return f"sqlite:///{tmp_path_factory.mktemp('used') / 'mlflow.db'}"


def test_mlflow_has_course_means_and_peaks_under_its_own_names(store):
    client = open_client(store)
    run = client.create_run(client.create_experiment("used"))
    client.set_terminated(run.info.run_id)
    keep_usage(store, run.info.run_id, [(900.0, TRAIN), (100.0, ENCODE)])
    metrics = client.get_run(run.info.run_id).data.metrics
    assert metrics["system/peak/system_memory_usage_megabytes"] == 500.0
    assert metrics["system/mean/system_memory_usage_megabytes"] == pytest.approx(370.0)
    assert metrics["system/mean/gpu_0_utilization_percentage"] == 95.0
    course = client.get_metric_history(run.info.run_id, f"system/{MEMORY}")
    assert [one.step for one in sorted(course, key=lambda one: one.timestamp)] == [*range(601)]
    assert course[0].timestamp == 10_000
    assert metrics[f"system/{MEMORY}"] == 999.0, "the last of the course"
    keep_usage(store, run.info.run_id, [(1.0, ENCODE)])
    assert client.get_run(run.info.run_id).data.metrics == metrics, "it stands as it was logged"
    names = set(metrics)
    assert all(name.startswith("system/") for name in names)


def test_a_store_that_takes_nothing_is_told_in_one_line(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database" * 100)
    with pytest.raises(RunError, match="system metrics of run 1 in sqlite") as error:
        keep_usage(f"sqlite:///{tmp_path / 'mlflow.db'}", "1", [(1.0, TRAIN)])
    assert "\n" not in str(error.value)
