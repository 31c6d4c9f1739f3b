"""Pairs of TF Hub modules, encoder and preprocessing, for the family that starts from one."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightloom.context import BuildContext
from nightloom.downloads.words import cleaned
from nightloom.errors import InputError
from nightloom.facts import CheckpointFacts
from nightloom.stages.checkpoint_hugging_face import fetch_to


def identity(settings: Any) -> dict[str, Any]:
    """The identity of the pair named in a flow's settings."""
    from nightloom.encoders.identity import checkpoint_identity

    model = settings.model
    given = {"model.encoder": model.encoder, "model.preprocess": model.preprocess}
    return {name: checkpoint_identity(one, None) for name, one in given.items() if one}


FIXED, POSITIONS = "fixed", "positions"
"""Facts that most pairs lack: the encoder has no weights that can be trained; the longest row that
it takes, where that is less than can be asked for."""


def check(settings: Any, facts: Mapping[str, Any]) -> None:
    """Refuse settings that the pair does not support.

    Raises:
        InputError: `model.trainable=all` with an encoder that has nothing to train, or texts longer
            than it takes.
    """
    from nightloom.encoders.choices import check_length

    model = settings.model
    if facts.get(FIXED) and model.trainable != "head":
        raise InputError(
            f"model.trainable={model.trainable}: the encoder {cleaned(model.encoder)} has no "
            "weights that can be trained (trainable_variables); set model.trainable=head"
        )
    check_length(
        model.length, facts.get(POSITIONS), where=f"model.encoder={cleaned(model.encoder)}"
    )


def fetch(context: BuildContext) -> dict[str, Any]:
    """Write `encoder/` and `preprocess/`; their facts."""
    from nightloom.encoders.minilm import MINILM
    from nightloom.tfhub.fetch import fetch_modules

    model = context.settings["model"]
    with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
        encoder = model["encoder"]
        if encoder == MINILM:
            encoder = str(Path(scratch) / MINILM)
            fetch_to(context, MINILM, None, Path(encoder))
        pair = fetch_modules(
            encoder=encoder,
            preprocess=model["preprocess"],
            out=context.out,
            lowercase=None if encoder != model["encoder"] else model["lowercase"],
            report=context.report,
        )
    facts = CheckpointFacts(
        hidden_size=pair.hidden_size,
        seq_length=pair.seq_length,
        more=({} if pair.trains else {FIXED: True})
        | ({} if pair.positions is None else {POSITIONS: pair.positions}),
    )
    return facts.to_json()
