"""`align_labels`: sentences with a tag per word → piece ids with a label per piece, in windows."""

from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.stage import Stage

align_labels = Stage(
    StageDeclaration(
        name="align_labels",
        builder="nightloom.stages.align_labels:build",
        inputs=("dataset", "tokenizer"),
        reads=("model.length", "model.overlap", "model.later_pieces"),
    )
)
