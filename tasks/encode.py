"""`encode`: texts → token ids in Arrow, once; true lengths kept, no padding on disk."""

from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.stage import Stage

encode = Stage(
    StageDeclaration(
        name="encode",
        builder="nightloom.stages.encode:build",
        inputs=("dataset", "tokenizer"),
        reads=("model.length",),
        by="family",
        calls=("tokenizer.load",),
    )
)
