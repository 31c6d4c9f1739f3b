"""`register`: model and scores → a version in MLflow, promoted to champion or not, and why.

A hit stands as long as the version is in the registry and its files are whole; the decision is not
taken again.
"""

from nightloom.stages.declaration import StageDeclaration, Variant
from nightloom.tasks.runtime.stage import Stage

COLUMNS = ("data.text",)
"""MLflow's own interface takes the columns of the training rows."""
TEXT = "nightloom.stages.register_text", "nightloom.stages.judge_text"
ENTITIES = "nightloom.stages.register_entities", "nightloom.stages.judge_entities"

register = Stage(
    StageDeclaration(
        name="register",
        builder="nightloom.stages.register:build",
        inputs=("model", "scores", "tokenizer", "examples", "dataset"),
        reads=("register", "model.length"),
        still_holds="nightloom.registry.files:missing",
        by="learner",
        variants={
            "transformer": Variant(
                reads=COLUMNS,
                code=("nightloom.families.transformer", "nightloom.text.words", *TEXT),
            ),
            "bert": Variant(
                inputs=("checkpoint",),
                reads=COLUMNS,
                code=("nightloom.families.bert", "nightloom.text.pieces", *TEXT),
            ),
            "hub": Variant(
                inputs=("checkpoint",),
                reads=COLUMNS,
                code=("nightloom.families.hub", "nightloom.text.hub_module", *TEXT),
            ),
            "bert_head": Variant(
                inputs=("checkpoint", "encoded"),
                reads=("model.pooling", *COLUMNS),
                code=("nightloom.families.bert_head", "nightloom.text.pieces", *TEXT),
            ),
            "hub_head": Variant(
                inputs=("checkpoint", "encoded"),
                reads=("model.pooling", *COLUMNS),
                code=("nightloom.families.hub_head", "nightloom.text.hub_module", *TEXT),
            ),
            "tagger": Variant(
                inputs=("checkpoint",),
                reads=("model.overlap",),
                code=("nightloom.families.tagger", "nightloom.text.pieces", *ENTITIES),
            ),
        },
    )
)
