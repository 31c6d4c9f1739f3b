"""`adapt_tokenizer`: a vocabulary adapted on the training split, or a checkpoint's tokenizer."""

from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.stage import Stage

adapt_tokenizer = Stage(
    StageDeclaration(
        name="adapt_tokenizer",
        builder="nightloom.stages.adapt_tokenizer:build",
        by="family",
        calls=("tokenizer.adapt",),
    )
)
