"""`evaluate`: the trained model on the test split → metrics, predictions, plots."""

from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.stage import Stage

evaluate = Stage(
    StageDeclaration(
        name="evaluate",
        builder="nightloom.stages.evaluate:build",
        inputs=("model", "examples", "dataset"),
        reads=("evaluate",),
        by="learner",
        calls=("learner.restore", "learner.layout", "evaluate"),
    )
)
