"""The record of a task: what is learned, independent of the family."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nightloom.records.part import Part


@dataclass(frozen=True, kw_only=True)
class Task:
    """Everything specific to a task; each part of its code is given to the stages that declare it.

    `module:name` is one function or type, `module` has the functions named here.
    """

    name: str
    metrics: tuple[str, ...]
    """The gate's possible metrics; the first is the default."""
    data: str
    """The type of its `data` settings."""
    rows: str
    """Its kind of rows, an `nightloom.data.splits.examples.Examples`."""
    check: str
    """How checks see its rows, `nightloom.data.checks.rows.Kind`."""
    objective: str
    """(examples, metric=) → the objective for validation."""
    evaluate: str
    """(context, settings, test examples, outputs) → metrics: writes tables and plots."""
    judge: str
    """What the gate compares: `answers(context, settings)`, `answers_of(context, rival, own)`,
    `nothing(context, own)`, which needs no model; `numbers(split)`, what rows say."""
    serve: str
    """`export(context, model, folder)` writes the SavedModel, `card(context, examples=)` describes
    it for MLflow."""
    stages: Mapping[str, Part] = field(default_factory=dict)
    """Additional inputs and settings of stages, by stage."""

    def modules(self) -> dict[str, str]:
        """Its code, by hook name."""
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
    stages={"register": Part(reads=("data.text",))},  # MLflow's interface expects these columns
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
