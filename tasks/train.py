"""`train`: encoded training split → the weights of the best epoch, and the history."""

from nightloom.settings.train import RESULT_NEUTRAL
from nightloom.stages.declaration import StageDeclaration
from tasks.stage import Stage

train = Stage(
    StageDeclaration(
        name="train",
        builder="nightloom.stages.train:build",
        inputs=("encoded", "tokenizer"),
        reads=("model", "train"),
        uses=RESULT_NEUTRAL,
        code={"transformer": ("nightloom.families.transformer",)},
    )
)
