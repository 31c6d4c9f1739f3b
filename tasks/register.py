"""`register`: model and scores → a version in MLflow, promoted to champion or not, and why.

A hit stands as long as the version is in the registry and its files are intact; the decision is not
repeated. Among machines that share a Prefect server, one at a time decides about a model.
"""

from nightloom.settings.flows import FlowSettings
from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.slots import title
from nightloom.tasks.runtime.stage import Stage


def _title(settings: FlowSettings, flow: str) -> str:
    return title(settings.registry.name or flow)


register = Stage(
    StageDeclaration(
        name="register",
        builder="nightloom.stages.register:build",
        inputs=("model", "scores", "tokenizer", "examples", "dataset"),
        reads=("register", "model.length"),
        uses=("register.examples", "report.texts"),
        external="nightloom.stages.examples:examples_identity",
        still_holds="nightloom.registry.files.local:missing",
        by="learner",
        calls=(
            "learner.restore",
            "learner.complete",
            "tokenizer.load",
            "tokenizer.NEEDS",
            "serve.export",
            "serve.card",
            "judge.answers",
            "judge.answers_of",
            "judge.nothing",
            "judge.numbers",
        ),
        finds="nightloom.records.known:writers",
    ),
    lease=_title,
)
