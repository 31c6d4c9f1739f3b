"""`adapt_tokenizer`: a vocabulary adapted on the training split, or a checkpoint's tokenizer."""

from nightloom.stages.declaration import StageDeclaration
from tasks.stage import Stage

adapt_tokenizer = Stage(
    StageDeclaration(
        name="adapt_tokenizer",
        builder="nightloom.stages.adapt_tokenizer:build",
        inputs=("dataset",),
        reads=("tokenizer",),
        code={"transformer": ("nightloom.text.words",)},
    )
)
