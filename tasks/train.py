"""`train`: the examples of the training split → the weights of the best epoch, and the history."""

from nightloom.settings.train import RESULT_NEUTRAL
from nightloom.stages.declaration import StageDeclaration, Variant
from nightloom.tasks.runtime.slots import GPU
from nightloom.tasks.runtime.stage import Stage

FINE_TUNED = ("model.pooling", "model.trainable", "model.dropout")

train = Stage(
    StageDeclaration(
        name="train",
        builder="nightloom.stages.train:build",
        inputs=("examples",),
        reads=("train", "register.metric"),
        uses=RESULT_NEUTRAL,
        by="learner",
        variants={
            "transformer": Variant(
                inputs=("tokenizer",), reads=("model",), code=("nightloom.families.transformer",)
            ),
            "bert": Variant(
                inputs=("checkpoint",), reads=FINE_TUNED, code=("nightloom.families.bert",)
            ),
            "hub": Variant(
                inputs=("checkpoint",), reads=FINE_TUNED, code=("nightloom.families.hub",)
            ),
            "tagger": Variant(
                inputs=("checkpoint",),
                reads=("model.trainable", "model.dropout"),
                code=("nightloom.families.tagger",),
            ),
            "bert_head": Variant(reads=("model.dropout",), code=("nightloom.families.bert_head",)),
            "hub_head": Variant(reads=("model.dropout",), code=("nightloom.families.hub_head",)),
        },
    ),
    limit=GPU,
    gpu=True,
)
