"""`evaluate`: the trained model on the test split → metrics, predictions, plots."""

from nightloom.stages.declaration import StageDeclaration
from tasks.stage import Stage

evaluate = Stage(
    StageDeclaration(
        name="evaluate",
        builder="nightloom.stages.evaluate:build",
        inputs=("model", "encoded", "dataset"),
        reads=("evaluate",),
        code={"transformer": ("nightloom.families.transformer",)},
    )
)
