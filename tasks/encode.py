"""`encode`: texts → token ids in Arrow, once; true lengths kept, no padding on disk."""

from nightloom.stages.declaration import StageDeclaration, Variant
from nightloom.tasks.runtime.stage import Stage

encode = Stage(
    StageDeclaration(
        name="encode",
        builder="nightloom.stages.encode:build",
        inputs=("dataset", "tokenizer"),
        reads=("model.length",),
        variants={
            "transformer": Variant(code=("nightloom.text.words",)),
            "bert": Variant(code=("nightloom.text.pieces",)),
            "hub": Variant(code=("nightloom.text.hub_module",)),
        },
    )
)
