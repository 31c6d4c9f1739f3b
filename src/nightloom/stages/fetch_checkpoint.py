"""`fetch_checkpoint`: the files of a pretrained encoder, checked; a hub's pair of modules."""

import tempfile
from pathlib import Path
from typing import Any

from nightloom.context import BuildContext, Built
from nightloom.tfhub.download import is_offline


def build(context: BuildContext) -> Built:
    """Write a Hugging Face directory, or `encoder/` and `preprocess/` of a TF Hub pair."""
    if context.variant == "hub":
        return Built(_fetch_pair(context))
    model = context.settings["model"]
    return Built(_fetch(context, model["checkpoint"], model["revision"], context.out))


def _fetch(context: BuildContext, source: str, revision: str | None, out: Path) -> dict[str, Any]:
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
    # where the files came from is not what they are
    return {name: value for name, value in facts.items() if name not in ("source", "revision")}


def _fetch_pair(context: BuildContext) -> dict[str, Any]:
    from nightloom.encoders.minilm import MINILM
    from nightloom.tfhub.fetch import fetch_modules

    model = context.settings["model"]
    with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
        encoder = model["encoder"]
        if encoder == MINILM:
            encoder = str(Path(scratch) / MINILM)
            _fetch(context, MINILM, None, Path(encoder))
        pair = fetch_modules(
            encoder=encoder,
            preprocess=model["preprocess"],
            out=context.out,
            lowercase=None if encoder != model["encoder"] else model["lowercase"],
            report=context.report,
        )
    return {"hidden_size": pair.hidden_size, "seq_length": pair.seq_length}
