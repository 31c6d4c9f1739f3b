"""`score`: rows, a registered version → its answers in Parquet, in parts that outlive a kill."""

from typing import Any

from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.run import Run
from nightloom.tasks.runtime.stage import Stage

VERSION = "version"


class Score(Stage):
    """Answers with the version that the run's model names now."""

    def known(self, run: Run) -> dict[str, Any]:
        """The version, by name, number and content, and its threshold."""
        return {VERSION: run.facts[VERSION]}


score = Score(
    StageDeclaration(
        name="score",
        builder="nightloom.stages.score:build",
        inputs=("rows",),
        uses=("score.batch_size",),
    )
)
