"""`register`: model and scores → a version in MLflow, promoted to champion or not, and why.

A hit stands as long as the version is in the registry; the decision is not taken again.
"""

from nightloom.stages.declaration import StageDeclaration
from tasks.stage import Stage

register = Stage(
    StageDeclaration(
        name="register",
        builder="nightloom.stages.register:build",
        inputs=("model", "scores", "tokenizer", "encoded", "dataset"),
        reads=("register",),
        still_holds="nightloom.registry.aliases:missing",
        code={"transformer": ("nightloom.families.transformer", "nightloom.text.words")},
    )
)
