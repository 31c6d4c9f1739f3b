"""`evaluate`: the trained model on the test split, which no earlier stage has used."""

import json
from collections.abc import Mapping
from typing import Any

from nightloom.context import BuildContext, Built
from nightloom.evaluation import plots
from nightloom.evaluation.tables import read_parquet
from nightloom.evaluation.temperature import Calibration, fitted_temperature
from nightloom.facts import ScoreFacts
from nightloom.families.base import read_decisions, restore_model
from nightloom.models.contract import Model, temper
from nightloom.settings.evaluate import EvaluateSettings
from nightloom.settings.train import holding
from nightloom.training.devices import prepare_to_score
from nightloom.training.examples import read_examples
from nightloom.training.scoring import Scorer


def build(context: BuildContext) -> Built:
    """Score the model; writes metrics, predictions with probabilities, worst mistakes and plots.

    The model is calibrated first, as it is exported: its temperature is among the metrics.
    Details depend on the task, see `Task.evaluate`.
    """
    settings = context.group("evaluate", EvaluateSettings)
    prepare_to_score()
    model, description = restore_model(context)
    calibration = _calibrated(context, model)
    examples = context.inputs["examples"]
    test = read_examples(examples.path / "test.arrow")
    layout = context.hook("learner.layout")(
        description, test.lengths, batch_size=min(settings.batch_size, holding(len(test)))
    )
    scorer = Scorer(model, jit_compile=True)
    outputs = scorer.outputs(test, layout, report=context.report, what="evaluate")
    metrics: Mapping[str, Any] = context.hook("evaluate")(
        context, settings, test, outputs, calibration
    )
    text = json.dumps(metrics, indent=1, ensure_ascii=False)
    (context.out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    history = read_parquet(context.inputs["model"].path / "history.parquet")
    plots.plot_history(history=history, path=context.out / "history.png")
    return Built(ScoreFacts(metrics=metrics).to_json())


def _calibrated(context: BuildContext, model: Model) -> Calibration:
    """Fit the temperature on the validation part, which chose the best epoch, and apply it."""
    logits, labels = read_decisions(context.inputs["model"].path)
    temperature = fitted_temperature(logits=logits, labels=labels)
    if not temper(model, temperature):
        temperature = 1.0
        context.report.log("not calibrated: the model does not name its last layer `scores`")
    return Calibration(temperature, logits, labels)
