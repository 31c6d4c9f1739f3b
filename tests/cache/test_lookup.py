import pytest

from nightloom.cache.fingerprint import Fingerprint
from nightloom.cache.key import StageKey
from nightloom.cache.lookup import look_up, span


def key(**settings) -> StageKey:
    return StageKey.of(
        stage="encode",
        variant="transformer",
        settings=settings,
        inputs={},
        fingerprint=Fingerprint({}, {}),
        python="3.11",
        external={},
    )


@pytest.fixture
def built(publish):
    def built(one: StageKey):
        return publish({"a": b"1"}, key=one.digest(), parts=one.parts())

    return built


def test_a_first_miss_says_that_there_was_nothing(store):
    found = look_up(store, key(length=1))
    assert not found.hit
    assert found.why == "nothing was built before"


def test_a_hit_says_when_it_was_built_and_what_it_saves(store, built):
    made = built(key(length=1))
    found = look_up(store, key(length=1))
    assert found.hit
    assert found.artifact == made
    assert found.why.endswith("ago, saves 1.0 s")


def test_a_miss_names_the_difference_to_the_nearest_earlier_build(store, built):
    built(key(length=1, width=2))
    built(key(length=9, width=9))
    assert look_up(store, key(length=1, width=3)).why == "settings width 2 → 3"


def test_refresh_rebuilds_what_is_there(store, built):
    built(key(length=1))
    found = look_up(store, key(length=1), refresh=True)
    assert not found.hit
    assert found.rebuild
    assert "refresh" in found.why


def test_damage_is_the_reason_of_the_miss(store, built):
    made = built(key(length=1))
    (store.files(made).path / "a").write_bytes(b"2")
    assert look_up(store, key(length=1)).why == (
        "artifact damaged: a was altered (moved to quarantine)"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (41.2, "41 s"), (600, "10 min"), (7200, "2 hours"), (200_000, "2 days")],
)
def test_spans_in_words(seconds, text):
    assert span(seconds) == text
