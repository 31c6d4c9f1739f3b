"""The group `run`: limits by stage, and that nothing of it moves what others see."""

import re

import pytest

from nightloom.errors import InputError
from nightloom.limits import NO_LIMITS
from nightloom.records.known import families, settings_of
from nightloom.settings.flows import ClassifyTransformer
from nightloom.settings.limits import without_unset
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import names, parse_settings, validate
from nightloom.settings.score import ScoreSettings

STAGES = {
    "classify-transformer": {"encode"},
    "classify-bert": {"encode", "fetch_checkpoint", "extract_features", "draw_attentions"},
    "classify-hub": {"encode", "fetch_checkpoint", "extract_features"},
    "ner-bert": {"fetch_checkpoint", "align_labels"},
}
EVERYWHERE = {
    "download_dataset", "check_data", "adapt_tokenizer", "train", "evaluate", "register",
}  # fmt: skip


@pytest.mark.parametrize("flow", families())
def test_each_flow_lists_the_limits_of_its_own_stages(flow):
    listed = {one for one in names(settings_of(flow)) if one.startswith("run.limits.")}
    ours = {"memory_gb", "every_stage", *EVERYWHERE, *STAGES[flow]}
    assert listed == {f"run.limits.{name}" for name in ours}


def test_the_limit_of_a_stage_is_its_own_else_that_of_every_stage():
    given = ["run.limits.register=120m", "run.limits.every_stage=90s", "run.limits.memory_gb=2.5"]
    limits = parse_settings(ClassifyTransformer, given).stages_run.limits
    own, other = limits.of_stage("register"), limits.of_stage("encode")
    assert (own.seconds, own.time_setting) == (7200.0, "run.limits.register=2h")
    assert (other.seconds, other.time_setting) == (90.0, "run.limits.every_stage=90s")
    assert (other.memory, other.memory_setting) == (2.5e9, "run.limits.memory_gb=2.5")
    unset = ClassifyTransformer().stages_run.limits.of_stage("train")
    assert (unset.seconds, unset.memory) == (NO_LIMITS.seconds, NO_LIMITS.memory)
    scored = {"model": "news", "data": {"source": "sample"}, "run": {"limits": {"score": "1h"}}}
    assert ScoreSettings(**scored).stages_run.limits.of_stage("score").seconds == 3600.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("run.limits.train=2x", "expected seconds, minutes, hours or days such as 90s"),
        ("run.limits.train=0s", "from 1s to 100d, got '0s'"),
        ("run.limits.train=minutes", "from 1s to 100d, got 'minutes'"),
        ("run.limits.train=7", "expected seconds, minutes, hours or days"),
        ("run.limits.trian=2h", "did you mean run.limits.train?"),
        ("run.limits.align_labels=2h", "ner-bert has it, classify-transformer does not"),
        ("run.limits=2h", "expected settings in group run.limits"),
        ("run.limits.memory_gb=0", "expected greater than 0"),
        ("run.price_per_hour=-1", "expected greater than or equal to 0"),
    ],
)
def test_what_is_no_limit_is_refused_by_name(given, said):
    with pytest.raises(InputError) as error:
        parse_settings(ClassifyTransformer, [given])
    assert said in str(error.value) and "run." in str(error.value)
    assert "\n" not in str(error.value)


def test_a_number_without_a_unit_is_refused_as_such_and_a_form_refuses_it():
    with pytest.raises(InputError, match="such as 90s, 15m, 2h or 1d"):
        validate(ClassifyTransformer, {"run": {"limits": {"train": 7200}}})
    schema = ClassifyTransformer.model_json_schema()["$defs"]["WordLimits"]["properties"]["train"]
    pattern = schema["anyOf"][0]["pattern"]
    assert re.search(pattern, "90s") and not re.search(pattern, "2 hours")


def test_a_run_without_any_tells_of_none():
    plain = ClassifyTransformer().model_dump(mode="json")
    assert "run" not in without_unset(plain)
    given = ["run.limits.train=1h", "run.price_per_hour=2"]
    told = without_unset(parse_settings(ClassifyTransformer, given).model_dump(mode="json"))
    assert told["run"] == {"price_per_hour": 2.0, "limits": {"train": "1h"}}
    assert without_unset({"run": {"engine": "local", "limits": {}}}) == {"run": {"engine": "local"}}


def test_a_night_hands_price_and_limits_on_to_whoever_sets_none():
    models = [
        {"flow": "classify-transformer", "settings": {"run.limits.train": "1h"}},
        {"flow": "ner-bert", "settings": {"run": {"price_per_hour": 9, "limits": {"train": None}}}},
    ]
    score = [{"model": "news", "data": {"source": "sample"}, "run": {"limits": {"score": "9m"}}}]
    limits = {"train": "2h", "encode": "5m", "score": "1h", "memory_gb": 3}
    run = {"limits": limits, "price_per_hour": 2}
    night = NightlySettings(models=models, score=score, run=run)
    words, entities = (one.parsed(night.run).run for one in night.models)
    assert (words.price_per_hour, words.limits.train, words.limits.encode) == (2.0, "1h", "5m")
    assert (entities.price_per_hour, entities.limits.train) == (9.0, None)
    assert entities.limits.memory_gb == 3.0
    answers = night.scored(night.score[0]).run
    assert (answers.price_per_hour, answers.limits.score) == (2.0, "9m")
    assert night.models[0].parsed().run.limits.train == "1h"
    assert NightlySettings.model_validate(night.model_dump(mode="json")) == night
    given = {"models": models, "run": {"limits": {"draw_attentions": "1h"}}}
    with pytest.raises(InputError) as error:
        validate(NightlySettings, given)
    assert "no model of this night has a stage draw_attentions" in str(error.value)
