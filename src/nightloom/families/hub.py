"""`hub`: a TF Hub encoder with a classification head, trained together."""

from typing import TypedDict

import numpy as np

from nightloom.context import BuildContext
from nightloom.facts import CheckpointFacts, ExampleFacts
from nightloom.families.base import restore_model
from nightloom.models.classifier import EncoderClassifier
from nightloom.models.head import ClassificationHead
from nightloom.models.hub_body import HubBody
from nightloom.tfhub.layer import SavedModelLayer
from nightloom.tfhub.operations import draws
from nightloom.training.batches import Layout, bucketed

SHAPES = 3
"""Number of row widths; a SavedModel cannot take packed rows."""
MODULE = "encoder"
SIDE_BY_SIDE = 1


class Description(TypedDict):
    """What `model.json` says of it."""

    classes: int
    dropout: float
    pooling: str


def body(context: BuildContext) -> HubBody:
    """The module as fetched, frozen, with its pooling."""
    return _body(context, pooling=context.settings["model"]["pooling"], trainable=False)


def describe(context: BuildContext) -> Description:
    """Pooling, dropout and sizes; the module itself is an input."""
    return {
        "classes": context.facts("examples", ExampleFacts).classes,
        "dropout": context.settings["model"]["dropout"],
        "pooling": context.settings["model"]["pooling"],
    }


def create(context: BuildContext) -> EncoderClassifier:
    """The pretrained module with a new head.

    If the run has to be reproducible, the dropout of a module that draws by itself is left out.
    """
    description = describe(context)
    hosted = _body(context, pooling=description["pooling"], trainable=True)
    module = context.inputs["checkpoint"].path / MODULE
    if context.settings["train"]["deterministic"] and not hosted.layer.seeded and draws(module):
        hosted.layer.drops = False
        context.report.warn(
            "the TF Hub encoder draws its dropout by itself, which no run can repeat: it is left "
            "out, the head's (model.dropout) stays; train.deterministic=false keeps it"
        )
    return _classifier(description, hosted)


def restore(description: Description, context: BuildContext) -> EncoderClassifier:
    """The module with a head of the described shape."""
    return _classifier(description, _body(context, pooling=description["pooling"], trainable=True))


def _classifier(description: Description, hosted: HubBody) -> EncoderClassifier:
    head = ClassificationHead(
        size=hosted.size, classes=description["classes"], rate=description["dropout"]
    )
    return EncoderClassifier(hosted, head)


def layout(description: Description, lengths: np.ndarray, *, batch_size: int) -> Layout:
    """One text per row, in a few row widths; the module's number of positions is unknown."""
    most = max(1, int(lengths.max(initial=1)))
    return bucketed(lengths, batch_size=batch_size, shapes=SHAPES, most=most)


def complete(context: BuildContext) -> EncoderClassifier:
    """The trained model, which is complete."""
    model: EncoderClassifier = restore_model(context)[0]
    return model


def _body(context: BuildContext, *, pooling: str, trainable: bool) -> HubBody:
    pair = context.inputs["checkpoint"]
    layer = SavedModelLayer(pair.path / MODULE, trainable=trainable, name="module")
    size = context.facts("checkpoint", CheckpointFacts).hidden_size
    return HubBody(layer, pooling=pooling, size=size)
