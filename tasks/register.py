"""`register`: model and scores → a version in MLflow, promoted to champion or not, and why.

A hit stands as long as the version is in the registry; the decision is not taken again.
"""

from nightloom.stages.declaration import StageDeclaration, Variant
from tasks.stage import Stage

register = Stage(
    StageDeclaration(
        name="register",
        builder="nightloom.stages.register:build",
        inputs=("model", "scores", "tokenizer", "examples", "dataset"),
        reads=("register", "model.length"),
        still_holds="nightloom.registry.aliases:missing",
        by="learner",
        variants={
            "transformer": Variant(code=("nightloom.families.transformer", "nightloom.text.words")),
            "bert": Variant(
                inputs=("checkpoint",), code=("nightloom.families.bert", "nightloom.text.pieces")
            ),
            "hub": Variant(
                inputs=("checkpoint",), code=("nightloom.families.hub", "nightloom.text.hub_module")
            ),
            "bert_head": Variant(
                inputs=("checkpoint", "encoded"),
                reads=("model.pooling",),
                code=("nightloom.families.bert_head", "nightloom.text.pieces"),
            ),
            "hub_head": Variant(
                inputs=("checkpoint", "encoded"),
                reads=("model.pooling",),
                code=("nightloom.families.hub_head", "nightloom.text.hub_module"),
            ),
        },
    )
)
