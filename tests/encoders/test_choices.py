"""What a checkpoint cannot do is said as soon as it is fetched, with a way out that works."""

import re

import pytest

from nightloom.encoders.choices import check_choices
from nightloom.errors import InputError
from nightloom.facts import CheckpointFacts
from nightloom.settings.flows import ClassifyBert, NerBert
from nightloom.settings.parse import parse_settings

BERT = {"hidden_size": 4, "family": "bert", "layers": 2, "has_pooler": False}
ALBERT = {"hidden_size": 4, "family": "albert", "layers": 2, "has_pooler": True}


@pytest.mark.parametrize(
    ("kind", "setting", "facts"),
    [
        (ClassifyBert, "model.pooling=pooler", BERT),
        (ClassifyBert, "model.trainable=top:1", ALBERT),
        (NerBert, "model.trainable=top:1", ALBERT),
        (NerBert, "model.trainable=top:3", BERT),
    ],
)
def test_both_settings_are_named_and_the_ways_out_work(
    kind: type, setting: str, facts: dict[str, object]
) -> None:
    given = ["model.checkpoint=here"] + (["model.pooling=cls"] if kind is ClassifyBert else [])
    with pytest.raises(InputError) as error:
        check_choices(parse_settings(kind, [*given, setting]).model, CheckpointFacts.of(facts))
    said = str(error.value)
    assert setting in said and "model.checkpoint=here" in said
    ways = re.findall(r"model\.\w+=[\w:]+", said.partition("; choose ")[2] or said)
    ways = [way for way in ways if way not in (setting, "model.checkpoint=here")]
    assert len(ways) == 2
    for way in ways:
        check_choices(parse_settings(kind, [*given, way]).model, CheckpointFacts.of(facts))


def test_what_fits_and_what_is_not_known_passes() -> None:
    check_choices(
        parse_settings(NerBert, ["model.trainable=top:2"]).model, CheckpointFacts.of(BERT)
    )
    check_choices(ClassifyBert().model, CheckpointFacts(hidden_size=4, seq_length=8))
