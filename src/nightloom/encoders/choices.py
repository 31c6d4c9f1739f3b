"""What can be chosen about an encoder, checked before anything is loaded."""

from collections.abc import Mapping
from typing import Any

from nightloom.encoders.architectures import architecture_of
from nightloom.encoders.config import EncoderConfig
from nightloom.errors import InputError

POOLINGS = ("pooler", "cls", "mean")
"""pooler: BERT's dense map with tanh on the first token; cls: first token; mean: all tokens."""


def check_pooling(how: str, *, has_pooler: bool, where: str = "this checkpoint") -> None:
    """Raise InputError for an unknown pooling, or for `pooler` where the checkpoint has none."""
    if how not in POOLINGS:
        raise InputError(f"pooling must be one of {', '.join(POOLINGS)}; found {how!r}")
    if how == "pooler" and not has_pooler:
        raise InputError(
            f"{where} has no pooler, so pooling=pooler is not possible; choose pooling=cls "
            "(first token) or pooling=mean (average over the tokens)"
        )


def upper_layers(trainable: str, config: EncoderConfig) -> int | None:
    """How many upper layers train: 0 for "head", None for "all", N for "top:N"; else InputError."""
    if trainable == "head":
        return 0
    if trainable == "all":
        return None
    kind, _, number = trainable.partition(":")
    if kind != "top" or not number.isdecimal() or int(number) < 1:
        raise InputError(f"trainable must be head, all or top:N with N from 1; found {trainable!r}")
    if config.shared_layers:
        raise InputError(
            f"trainable={trainable}: the layers of {config.family} share one set of weights, so "
            "the upper ones cannot train alone; choose head or all"
        )
    if int(number) > config.layers:
        raise InputError(f"trainable={trainable}: this encoder has {config.layers} layers")
    return int(number)


def check_choices(model: Any, facts: Mapping[str, Any]) -> None:
    """Refuse what a fetched checkpoint cannot do, before anything is built on it.

    model: the flow's group `model`; facts: of `fetch_checkpoint`. A hub's pair tells less of itself
    and is checked where it is loaded.

    Raises:
        InputError: A setting does not go with the checkpoint; names both.
    """
    checkpoint = f"model.checkpoint={getattr(model, 'checkpoint', '')}"
    trainable, pooling = str(getattr(model, "trainable", "all")), getattr(model, "pooling", "")
    if pooling == "pooler" and facts.get("has_pooler") is False:
        raise InputError(
            f"model.pooling=pooler: {checkpoint} has no pooler; choose model.pooling=cls "
            "(first token) or model.pooling=mean (average over the tokens)"
        )
    if trainable.startswith("top:") and "layers" in facts:
        if architecture_of(facts["family"]).shares_layers:
            raise InputError(
                f"model.trainable={trainable}: the layers of {checkpoint} share one set of "
                "weights, so the upper ones cannot train alone; choose model.trainable=head or "
                "model.trainable=all"
            )
        if int(trainable[4:]) > facts["layers"]:
            raise InputError(
                f"model.trainable={trainable}: {checkpoint} has {facts['layers']} layers; choose "
                f"model.trainable=top:{facts['layers']} or model.trainable=all"
            )
