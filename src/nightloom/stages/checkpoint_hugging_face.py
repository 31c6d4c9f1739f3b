"""Checkpoints in Hugging Face format, for the families that start from one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightloom.context import BuildContext
from nightloom.facts import CheckpointFacts
from nightloom.tfhub.download import is_offline


def identity(settings: Any) -> dict[str, Any]:
    """The identity of the checkpoint named in a flow's settings."""
    from nightloom.encoders.identity import checkpoint_identity

    model = settings.model
    return {"model.checkpoint": checkpoint_identity(model.checkpoint, model.revision)}


def check(settings: Any, facts: Mapping[str, Any]) -> None:
    """Refuse settings that the checkpoint does not support.

    Raises:
        InputError: A setting does not fit it.
    """
    from nightloom.encoders.choices import check_choices

    check_choices(settings.model, CheckpointFacts.of(facts))


def fetch(context: BuildContext) -> dict[str, Any]:
    """Write the checkpoint's files, and what they are by their architecture; its facts."""
    from nightloom.encoders.inspected import write_inspected
    from nightloom.encoders.weights import inspect

    model = context.settings["model"]
    facts = fetch_to(context, model["checkpoint"], model["revision"], context.out)
    write_inspected(context.out, inspect(context.out))
    return facts


def fetch_to(context: BuildContext, source: str, revision: str | None, out: Path) -> dict[str, Any]:
    """Write the files of the checkpoint `source` to `out`; its facts."""
    from nightloom.encoders.checkpoints import fetch_checkpoint

    facts = fetch_checkpoint(
        source,
        out=out,
        revision=revision,
        offline=is_offline(),
        wheels=context.home.root / "wheels",
        lowercase=context.settings["model"]["lowercase"],
        report=context.report,
    )
    # where the files came from does not matter
    return {name: value for name, value in facts.items() if name not in ("source", "revision")}
