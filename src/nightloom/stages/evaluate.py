"""`evaluate`: the trained model on the test split, which no earlier stage has used."""

import json
from collections.abc import Mapping
from typing import Any

from nightloom.context import BuildContext, Built
from nightloom.evaluation import plots
from nightloom.evaluation.tables import read_parquet
from nightloom.facts import ScoreFacts
from nightloom.families.base import restore_model
from nightloom.settings.evaluate import EvaluateSettings
from nightloom.settings.train import holding
from nightloom.training.devices import prepare_to_score
from nightloom.training.examples import read_examples
from nightloom.training.scoring import Scorer


def build(context: BuildContext) -> Built:
    """Score the model; writes metrics, predictions with probabilities, worst mistakes and plots.

    Details depend on the task, see `Task.evaluate`.
    """
    settings = context.group("evaluate", EvaluateSettings)
    prepare_to_score()
    model, description = restore_model(context)
    examples = context.inputs["examples"]
    test = read_examples(examples.path / "test.arrow")
    layout = context.hook("learner.layout")(
        description, test.lengths, batch_size=min(settings.batch_size, holding(len(test)))
    )
    scorer = Scorer(model, jit_compile=True)
    outputs = scorer.outputs(test, layout, report=context.report, what="evaluate")
    metrics: Mapping[str, Any] = context.hook("evaluate")(context, settings, test, outputs)
    text = json.dumps(metrics, indent=1, ensure_ascii=False)
    (context.out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    history = read_parquet(context.inputs["model"].path / "history.parquet")
    plots.plot_history(history=history, path=context.out / "history.png")
    return Built(ScoreFacts(metrics=metrics).to_json())
