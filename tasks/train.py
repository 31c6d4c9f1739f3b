"""`train`: the training split's examples → the weights of the best epoch, and the history."""

from nightloom.settings.train import RESULT_NEUTRAL
from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.slots import GPU
from nightloom.tasks.runtime.stage import Stage

train = Stage(
    StageDeclaration(
        name="train",
        builder="nightloom.stages.train:build",
        inputs=("examples",),
        reads=("train", "register.metric"),
        uses=RESULT_NEUTRAL,
        by="learner",
        calls=(
            "learner.describe",
            "learner.layout",
            "learner.create",
            "learner.SIDE_BY_SIDE",
            "objective",
        ),
    ),
    limit=GPU,
    gpu=True,
)
