"""The report of a run as markdown: what ran and why, the model's quality, the decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightloom.cache.lookup import span
from nightloom.counted import counted
from nightloom.facts import CheckFacts, DataFacts, ModelFacts, TrainedFacts
from nightloom.registry.versions import CHAMPION
from nightloom.reporting.beside import (
    difference_part,
    examples_part,
    regressions_part,
    slices_part,
)
from nightloom.reporting.charts import confusion_table, learning_curves
from nightloom.reporting.cost import cost_text, used_table
from nightloom.reporting.markdown import cell, code, escape, escape_long, link, signed, table
from nightloom.reporting.report import RunReport
from nightloom.reporting.rows import Row, score_rows
from nightloom.settings.report import Texts

SPLITS = ("train", "valid", "test")
MOST_CLASSES = 30
VERDICTS = ("refused", "warned", "open", "fine")
TOOK = ("hit", "built", "ran", "failed")
"""States of a stage that took time."""


@dataclass(frozen=True)
class RunFacts:
    """The data of a report; everything but the run itself may be missing."""

    run: RunReport
    data: DataFacts | None = None
    training: TrainedFacts | None = None
    history: Sequence[Mapping[str, Any]] = ()
    """One row per epoch."""
    model_url: str | None = None
    error: str = ""
    """Why the run failed."""
    is_refused: bool = False
    """Whether it failed because its data were refused."""
    check: CheckFacts | None = None
    """What the check of the data said."""
    findings: Sequence[Mapping[str, Any]] = ()
    """One row per test of that check."""
    regressions: Sequence[Mapping[str, Any]] = ()
    """One row per test example that model and champion answer otherwise, the first ones."""
    difference: Sequence[Mapping[str, Any]] = ()
    """One row per fact in which model and champion differ."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """URLs of plots by what they show, where a server gives them."""
    texts: Texts = "full"
    """How much of the texts of rows is shown; the rows above have no more."""
    types: Sequence[str] = ()
    """Of entities, where the rows have some."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Scores on the test rows."""
        return self.run.metrics or {}


def run_report(facts: RunFacts) -> str:
    """The whole report."""
    parts = [
        f"# {facts.run.flow}: {headline(facts)}",
        _failure(facts),
        _gate(facts),
        _notes(facts),
        _check(facts),
        _metrics(facts),
        _by_class(facts),
        _confusion(facts),
        examples_part(facts.run.model),
        _curves(facts),
        slices_part(facts.run.model),
        regressions_part(facts.run.model, facts.regressions),
        difference_part(facts.difference, facts.run.model),
        _sureness(facts),
        _data(facts),
        _stages(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(facts: RunFacts) -> str:
    """The outcome in a few words."""
    if facts.error:
        failed = [entry.stage for entry in facts.run.stages if entry.state == "failed"]
        return f"failed in {failed[-1]}" if failed else "failed"
    built = [entry.stage for entry in facts.run.stages if entry.state == "built"]
    what = "everything cached" if not built else f"built {', '.join(built)}"
    model = facts.run.model
    said = decision(model, built=facts.run.decided) if model else "done"
    return f"{said}, {what}"


def decision(model: ModelFacts, *, built: bool) -> str:
    """The decision about a model; if nothing was decided, its status."""
    if built:
        return model.decision
    who = "is the champion" if CHAMPION in model.aliases else "is not the champion"
    return f"unchanged, version {model.version} {who}"


def standing(model: ModelFacts | None) -> str:
    """The gate's metric against the champion's, with its interval, in one line."""
    if model is None or model.metric is None or model.value is None:
        return ""
    text = f"{model.metric} {model.value:.4f}"
    if model.difference is None:
        return text
    text += f" ({signed(model.difference)} against version {model.champion_version}"
    if interval := _interval(model):
        text += f", interval {interval}"
    return text + ")"


def short_standing(model: ModelFacts | None) -> str:
    """The same in fewer words: `accuracy 0.9100, +0.0100 (-0.0020 to +0.0220)`."""
    if model is None or model.metric is None or model.value is None:
        return ""
    told = f"{model.metric} {model.value:.4f}"
    if model.difference is None:
        return told
    interval = _interval(model)
    return f"{told}, {signed(model.difference)}" + (f" ({interval})" if interval else "")


def _interval(model: ModelFacts) -> str:
    if model.low is None or model.high is None:
        return ""
    return f"{signed(model.low)} to {signed(model.high)}"


def _failure(facts: RunFacts) -> str:
    if not facts.error:
        return ""
    if facts.is_refused:
        return f"> {escape_long(facts.error)}\n\nNothing was trained; the champion stays."
    return (
        f"> {escape(facts.error)}\n\n"
        "What was built stays in the cache, and interrupted training resumes at its last "
        "checkpoint: retry this run, or start the same command again."
    )


def _notes(facts: RunFacts) -> str:
    return "\n".join(f"- ⚠ {escape_long(note)}" for note in facts.run.notes)


def _gate(facts: RunFacts) -> str:
    model = facts.run.model
    if model is None:
        return ""
    name = f"{model.name} version {model.version}"
    linked = link(name, facts.model_url) if facts.model_url else f"**{escape(name)}**"
    aliases = ", ".join(code(alias) for alias in model.aliases) or "no alias"
    return f"> {escape_long(model.reason)}\n\n{linked}: {aliases}"


def _check(facts: RunFacts) -> str:
    check = facts.check
    if check is None:
        return ""
    new = f", {check.new:,} of them new" if check.new is not None else ""
    of = counted(check.rows, "rows")
    lines = [f"{check.verdict}: {counted(check.tests, 'tests')} of {of}{new}."]
    rows = [
        {"verdict": row["verdict"], "rows": row["among"], "what": row["told"]}
        for row in sorted(facts.findings, key=lambda row: VERDICTS.index(row["verdict"]))
        if row["verdict"] != "fine"
    ]
    if check.suspects is not None:
        lines.append(
            f"{counted(check.suspects, f'of {check.looked_at:,} labels looked at are')} probably "
            "wrong: labels_to_check.csv."
        )
    return "\n\n".join(["## Check of the data", *([table(rows)] if rows else []), *lines])


def _stages(facts: RunFacts) -> str:
    run = facts.run
    rows = [
        {
            "stage": entry.stage,
            "state": entry.state,
            "why": entry.why,
            "took": span(entry.seconds) if entry.state in TOOK else "",
            "saved": span(entry.saved) if entry.saved else "",
        }
        for entry in run.stages
    ]
    total = (
        f"{span(run.seconds)} in total; the cache saved {span(run.seconds_saved)}"
        f"{cost_text(run.cost)}."
    )
    parts = ["## Stages", table(rows), used_table(run.stages), total]
    return "\n\n".join(part for part in parts if part) if rows else ""


def _metrics(facts: RunFacts) -> str:
    model = facts.run.model
    judged = model.metric if model else None
    rows = []
    judged_first = sorted(facts.metrics.items(), key=lambda item: (item[0] != judged, item[0]))
    for name, value in judged_first:
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        row: Row = {"metric": name.replace("_", " "), "value": value}
        if model and model.difference is not None:
            mine = name == judged
            row["champion"] = model.champion_value if mine else None
            row["difference"] = signed(model.difference) if mine else None
            row["interval"] = _interval(model) if mine else ""
        rows.append(row)
    return f"## Scores on the test rows\n\n{table(rows)}" if rows else ""


def _sureness(facts: RunFacts) -> str:
    """How often the model is right where it is sure; thresholds are of the validation part."""
    rows = [
        {
            "wanted": f"{precision} %",
            "from probability": line["threshold"],
            "answers": None if line["threshold"] is None else f"{line['answered']:.1%}",
            "of these right": None if line["precision"] is None else f"{line['precision']:.1%}",
        }
        for precision, line in facts.metrics.get("abstention", {}).items()
    ]
    return f"## Where it is sure, on the test rows\n\n{table(rows)}" if rows else ""


def _by_class(facts: RunFacts) -> str:
    """Precision, recall, F1 by class or type, the lowest F1 first where there are many."""
    rows = score_rows(facts.metrics)
    many = len(rows) > MOST_CLASSES
    if many:
        rows = sorted(rows, key=lambda row: float(row["f1"] or 0))[:MOST_CLASSES]
    told = f"The {MOST_CLASSES} lowest; the table of scores has all." if many else ""
    parts = ["## By class or type", table(rows), told] if rows else []
    return "\n\n".join(part for part in parts if part)


def _curves(facts: RunFacts) -> str:
    pictures = [f"![{name}]({url})" for name, url in facts.pictures.items() if "curves" in name]
    training = facts.training
    known: dict[str, float] = {}
    if training:
        known = {
            "best epoch": training.best_epoch,
            "parameters": training.parameters,
            "trained parameters": training.trainable_parameters,
            "rows/s": training.rows_per_s,
        }
    said = ", ".join(f"{name} {_number(value)}" for name, value in known.items() if value)
    told = [table(learning_curves(facts.history)), said]
    told += pictures
    return "\n\n".join(["## Training", *filter(None, told)]) if any(told) else ""


def _confusion(facts: RunFacts) -> str:
    confusion = facts.metrics.get("confusion") or {}
    rows = confusion_table(confusion.get("labels", ()), confusion.get("counts", ()))
    mistakes = facts.metrics.get("mistakes")
    if not rows and isinstance(mistakes, Mapping):
        rows = [{"mistake": kind, "count": count} for kind, count in mistakes.items()]
    return f"## Confusion\n\n{table(rows)}" if rows else ""


def _data(facts: RunFacts) -> str:
    data = facts.data
    if data is None:
        return ""
    rows = [{"split": name, "rows": data.rows[name]} for name in SPLITS if name in data.rows]
    lines = [f"Labels: {escape_long(', '.join(map(str, data.label_names)))}"]
    if data.source:
        told = ", ".join(f"{name} {cell(value)}" for name, value in data.source.items())
        lines.append(f"Source: {told}")
    lines += [f"- {escape_long(_discreet(note, facts.texts))}" for note in data.notes or ()]
    lines += [f"- ⚠ {escape_long(_discreet(one, facts.texts))}" for one in data.warnings]
    return "\n\n".join(["## Data", *([table(rows)] if rows else []), *lines])


def _discreet(said: str, texts: Texts) -> str:
    """A remark about the data, which may end in a comment that was skipped in a file."""
    return said if texts != "none" else said.partition(": #")[0]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}"
