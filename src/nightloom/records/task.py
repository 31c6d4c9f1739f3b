"""The record of a task: what is learned, whichever family learns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nightloom.records.part import Part


@dataclass(frozen=True, kw_only=True)
class Task:
    """What differs by what is learned; each of the code's parts is given to the stages that say so.

    `module:name` is one function or type, `module` has the functions that are named here.
    """

    name: str
    metrics: tuple[str, ...]
    """What the gate can judge by; the first unless another is asked for."""
    data: str
    """The type of its `data` settings."""
    rows: str
    """What its rows are, `nightloom.data.splits.examples.Examples`."""
    check: str
    """How checks see its rows, `nightloom.data.checks.rows.Kind`."""
    objective: str
    """(examples, metric=) → what the validation part is scored by."""
    evaluate: str
    """(context, settings, test examples, outputs) → metrics: writes tables and plots."""
    judge: str
    """`answers(context, settings)` and `answers_of(context, rival, own)` for the gate."""
    serve: str
    """`export(context, model, folder)` writes the SavedModel, `card(context, examples=)` tells
    MLflow about it."""
    stages: Mapping[str, Part] = field(default_factory=dict)
    """What stages have for it in addition, by stage."""

    def modules(self) -> dict[str, str]:
        """Its code, by what stages call it."""
        names = ("data", "rows", "check", "objective", "evaluate", "judge", "serve")
        return {name: getattr(self, name) for name in names}


TEXT = Task(
    name="text",
    metrics=("accuracy", "macro_f1"),
    data="nightloom.settings.data:TextDataSettings",
    rows="nightloom.data.splits.texts:LabelledTexts",
    check="nightloom.data.checks.texts:Texts",
    objective="nightloom.training.objective:classification",
    evaluate="nightloom.stages.evaluate_text:report",
    judge="nightloom.stages.judge_text",
    serve="nightloom.stages.register_text",
    stages={"register": Part(reads=("data.text",))},  # MLflow's interface takes these columns
)
ENTITIES = Task(
    name="entities",
    metrics=("f1",),
    data="nightloom.settings.data:EntityDataSettings",
    rows="nightloom.data.splits.sentences:TaggedSentences",
    check="nightloom.data.checks.sentences:Sentences",
    objective="nightloom.training.objective:entities",
    evaluate="nightloom.stages.evaluate_entities:report",
    judge="nightloom.stages.judge_entities",
    serve="nightloom.stages.register_entities",
)
TASKS = {task.name: task for task in (TEXT, ENTITIES)}
