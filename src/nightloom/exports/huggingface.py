"""`huggingface`: one of our encoders with its head, for transformers' own pipelines."""

from pathlib import Path
from typing import TYPE_CHECKING

from nightloom.facts import DataFacts
from nightloom.records.format import Format

if TYPE_CHECKING:
    from nightloom.context import BuildContext
    from nightloom.models.classifier import EncoderClassifier
    from nightloom.models.tagger import EncoderTagger

HUGGING_FACE = Format(name="huggingface", write=f"{__name__}:write", models=("encoder",))


def write(
    context: "BuildContext", model: "EncoderClassifier | EncoderTagger", folder: Path
) -> None:
    """A model for text or token classification."""
    import numpy as np

    from nightloom.encoders.huggingface import export_sequence_classifier, export_token_classifier
    from nightloom.models.bodies import EncoderBody
    from nightloom.models.tagger import EncoderTagger

    given = {
        "kernel": np.asarray(model.head.kernel.value),
        "bias": np.asarray(model.head.bias.value),
        "label_names": context.facts("dataset", DataFacts).label_names,
        "tokenizer_dir": context.inputs["tokenizer"].path,
        "max_length": context.settings["model"]["length"],
    }
    if isinstance(model, EncoderTagger):
        export_token_classifier(folder, encoder=model.encoder, **given)
        return
    body = model.body
    assert isinstance(body, EncoderBody)
    export_sequence_classifier(folder, encoder=body.encoder, pooling=body.pooling, **given)
