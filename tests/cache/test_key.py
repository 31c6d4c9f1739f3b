from dataclasses import replace

from nightloom.cache.fingerprint import Fingerprint
from nightloom.cache.key import StageKey, differences


def key(**changed) -> StageKey:
    base = StageKey.of(
        stage="train",
        variant="transformer",
        settings={"train.epochs": 3, "train.learning_rate": 0.001},
        inputs={"encoded": "a" * 64},
        fingerprint=Fingerprint({"nightloom.x": "1"}, {"numpy": "2.4"}),
        python="3.11",
        external={},
    )
    return replace(base, **changed)


def test_every_part_is_in_the_key():
    changes = [
        {"stage": "encode"},
        {"variant": "bert"},
        {"settings": {"train.epochs": 4, "train.learning_rate": 0.001}},
        {"inputs": {"encoded": "b" * 64}},
        {"code": {"nightloom.x": "2"}},
        {"libraries": {"numpy": "2.5"}},
        {"python": "3.12"},
        {"external": {"data.source": "other"}},
    ]
    digests = {key().digest(), *(key(**change).digest() for change in changes)}
    assert len(digests) == len(changes) + 1


def test_the_same_parts_give_the_same_key():
    assert key().digest() == key().digest()


def test_a_changed_setting_is_named_with_both_values():
    before, after = key().parts(), key(settings={"train.epochs": 3, "train.learning_rate": 0.002})
    assert differences(before, after.parts()) == ["settings train.learning_rate 0.001 → 0.002"]


def test_a_setting_that_is_new_was_unset_before():
    after = key(settings={**key().settings, "train.clip_norm": 1.0})
    assert differences(key().parts(), after.parts()) == ["settings train.clip_norm unset → 1.0"]


def test_the_most_telling_difference_comes_first():
    after = key(
        settings={**key().settings, "train.epochs": 1},
        inputs={"encoded": "b" * 64},
        code={"nightloom.x": "2"},
        libraries={"numpy": "2.5"},
    )
    kinds = [text.split()[0] for text in differences(key().parts(), after.parts())]
    assert kinds == ["settings", "input", "code", "library"]


def test_keys_without_difference_have_none():
    assert differences(key().parts(), key().parts()) == []


def test_a_difference_is_one_line() -> None:
    after = key(settings={**key().settings, "data.label": "label\n(main)"})
    assert differences(key().parts(), after.parts()) == [
        "settings data.label unset → 'label\\n(main)'"
    ]
