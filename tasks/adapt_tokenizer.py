"""`adapt_tokenizer`: a vocabulary adapted on the training split, or a checkpoint's tokenizer."""

from nightloom.stages.declaration import StageDeclaration, Variant
from nightloom.tasks.runtime.stage import Stage

PIECES = Variant(inputs=("checkpoint",), code=("nightloom.text.pieces",))

adapt_tokenizer = Stage(
    StageDeclaration(
        name="adapt_tokenizer",
        builder="nightloom.stages.adapt_tokenizer:build",
        variants={
            "transformer": Variant(
                inputs=("dataset",), reads=("tokenizer",), code=("nightloom.text.words",)
            ),
            "bert": PIECES,
            "tagger": PIECES,
            "hub": Variant(inputs=("checkpoint",), code=("nightloom.text.hub_module",)),
        },
    )
)
