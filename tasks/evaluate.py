"""`evaluate`: the trained model on the test split → metrics, predictions, plots."""

from nightloom.stages.declaration import StageDeclaration, Variant
from nightloom.tasks.runtime.stage import Stage

TEXT, ENTITIES = "nightloom.stages.evaluate_text", "nightloom.stages.evaluate_entities"

evaluate = Stage(
    StageDeclaration(
        name="evaluate",
        builder="nightloom.stages.evaluate:build",
        inputs=("model", "examples", "dataset"),
        reads=("evaluate",),
        by="learner",
        variants={
            "transformer": Variant(code=("nightloom.families.transformer", TEXT)),
            "bert": Variant(code=("nightloom.families.bert", TEXT)),
            "hub": Variant(inputs=("checkpoint",), code=("nightloom.families.hub", TEXT)),
            "bert_head": Variant(code=("nightloom.families.bert_head", TEXT)),
            "hub_head": Variant(code=("nightloom.families.hub_head", TEXT)),
            "tagger": Variant(code=("nightloom.families.tagger", ENTITIES)),
        },
    )
)
