"""`evaluate`: the trained model on the test split → metrics, predictions, plots."""

from nightloom.stages.declaration import StageDeclaration, Variant
from tasks.stage import Stage

evaluate = Stage(
    StageDeclaration(
        name="evaluate",
        builder="nightloom.stages.evaluate:build",
        inputs=("model", "examples", "dataset"),
        reads=("evaluate",),
        by="learner",
        variants={
            "transformer": Variant(code=("nightloom.families.transformer",)),
            "bert": Variant(inputs=("checkpoint",), code=("nightloom.families.bert",)),
            "hub": Variant(inputs=("checkpoint",), code=("nightloom.families.hub",)),
            "bert_head": Variant(code=("nightloom.families.bert_head",)),
            "hub_head": Variant(code=("nightloom.families.hub_head",)),
        },
    )
)
