"""A stage will take as long as the most similar artifact of it took."""

from pathlib import Path
from typing import Any

from nightloom.cache.forecast import expected_seconds, seconds_of
from nightloom.cache.store import MANIFEST, ArtifactStore
from nightloom.home import Home
from nightloom.reporting.forecast import forecast, forecast_lines, too_late


def publish(store: ArtifactStore, key: str, seconds: float, variant: str, **settings: Any) -> None:
    with store.building("train", key) as folder:
        store.publish(
            folder,
            stage="train",
            key=key,
            parts={"stage": "train", "variant": variant, "settings": settings},
            facts={},
            volatile=frozenset(),
            seconds=seconds,
        )


def test_the_most_similar_artifact_of_the_same_variant_tells(tmp_path: Path) -> None:
    store = ArtifactStore(Home(tmp_path))

    def expected(**settings: Any) -> float | None:
        return expected_seconds(store, "train", variant="bert", settings=settings)

    assert expected(epochs=1) is None
    publish(store, "a", 10.0, "bert", epochs=1, rate=1)
    publish(store, "b", 30.0, "bert", epochs=3, rate=1)
    publish(store, "c", 500.0, "transformer", epochs=3, rate=1)
    assert expected(epochs=3, rate=2) == 30.0
    assert expected(epochs=1, rate=2) == 10.0
    (store.path("train", "b") / MANIFEST).write_text("{")
    assert seconds_of(store, "train", "b") is None
    assert expected(epochs=3, rate=1) == 10.0


def test_what_a_plan_would_build_is_summed_and_what_nobody_knows_is_named() -> None:
    hit = {"stage": "encode", "state": "hit", "expected": None}
    train = {"stage": "train", "state": "miss", "expected": 100.0}
    evaluate = {"stage": "evaluate", "state": "depends", "expected": 20.0}
    register = {"stage": "register", "state": "depends", "expected": None}
    told = forecast([hit, train, evaluate, register])
    assert told == {"seconds": 120.0, "unknown": ["register"]}
    [line] = forecast_lines({"forecast": told})
    assert line.startswith(
        "forecast about 2 min, by the most similar stages built before, without register: "
    )
    [line] = forecast_lines({"forecast": forecast([register])})
    assert line == "forecast unknown: nothing like it was built before (register)"
    assert not [*forecast_lines({"forecast": forecast([hit])})]


def test_a_night_that_takes_longer_than_it_has_is_told_to_be_late() -> None:
    stages = [{"stage": "train", "state": "miss", "expected": 5 * 3600.0}]
    told = forecast(stages)
    assert too_late(told, "07:00", 5 * 3600.0) == ""
    late = too_late(told, "06:00", 4 * 3600.0)
    assert late.startswith("the night will not meet nightly.deadline=06:00: that is 4 hours after")
    assert "it will take about 5 hours" in late
    unknown = forecast([*stages, {"stage": "register", "state": "depends", "expected": None}])
    assert "at least about 5 hours" in too_late(unknown, "06:00", 4 * 3600.0)
    assert [*forecast_lines({"forecast": {**told, "late": late}})][-1] == f"warning: {late}"
