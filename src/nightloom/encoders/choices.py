"""Options of an encoder, checked before anything is loaded."""

from typing import Any

from nightloom.encoders.architectures import architecture_of
from nightloom.errors import InputError
from nightloom.facts import CheckpointFacts

POOLINGS = ("pooler", "cls", "mean")
"""pooler: BERT's dense layer with tanh on the first token; cls: first token; mean: all tokens."""


def check_pooling(
    how: str, *, has_pooler: bool, where: str = "this checkpoint", group: str = ""
) -> None:
    """Raise InputError for an unknown pooling, or for `pooler` if the checkpoint has none.

    `group` is a prefix for the setting's name.
    """
    if how not in POOLINGS:
        raise InputError(f"{group}pooling must be one of {', '.join(POOLINGS)}; found {how!r}")
    if how == "pooler" and not has_pooler:
        raise InputError(
            f"{group}pooling=pooler: {where} has no pooler; choose {group}pooling=cls (first "
            f"token) or {group}pooling=mean (average over the tokens)"
        )


def upper_layers(
    trainable: str, *, layers: int, shared: bool, where: str = "this encoder", group: str = ""
) -> int | None:
    """How many upper layers train: 0 for "head", None for "all", N for "top:N"; else InputError.

    layers, shared: their number, and whether they share one set of weights.
    """
    setting = f"{group}trainable"
    if trainable == "head":
        return 0
    if trainable == "all":
        return None
    kind, _, number = trainable.partition(":")
    if kind != "top" or not number.isdecimal() or int(number) < 1:
        raise InputError(f"{setting} must be head, all or top:N with N from 1; found {trainable!r}")
    if shared:
        raise InputError(
            f"{setting}={trainable}: the layers of {where} share one set of weights, so the upper "
            f"ones cannot train alone; choose {setting}=head or {setting}=all"
        )
    if int(number) > layers:
        raise InputError(
            f"{setting}={trainable}: {where} has {layers} layers; choose {setting}=top:{layers} or "
            f"{setting}=all"
        )
    return int(number)


def check_length(length: int, positions: int | None, *, where: str) -> None:
    """Raise InputError if texts may have more pieces than an encoder has positions (None: unknown).

    Beyond its positions an encoder computes what depends on the device: an error, or wrong vectors.
    """
    if positions is not None and length > positions:
        raise InputError(
            f"model.length={length}: {where} takes at most {positions} pieces; set "
            f"model.length={positions}"
        )


def check_choices(model: Any, facts: CheckpointFacts) -> None:
    """Refuse settings that a fetched checkpoint does not support, before anything is built on it.

    model: the flow's group `model`; facts: those of `fetch_checkpoint`. A TF Hub pair describes
    itself less and is checked when it is loaded.

    Raises:
        InputError: A setting does not fit the checkpoint; names both.
    """
    told = {"where": f"model.checkpoint={getattr(model, 'checkpoint', '')}", "group": "model."}
    if pooling := getattr(model, "pooling", ""):
        check_pooling(pooling, has_pooler=facts.has_pooler is not False, **told)
    check_length(int(model.length), facts.more.get("max_positions"), where=told["where"])
    if facts.layers is not None and facts.family:
        shared = architecture_of(facts.family).shares_layers
        upper_layers(str(model.trainable), layers=facts.layers, shared=shared, **told)
