"""`evaluate`: the trained model on the test split, which nothing before has looked at."""

import json
from typing import Any

import numpy as np

from nightloom.data.arrow import read_columns
from nightloom.evaluation import classification, plots
from nightloom.evaluation.tables import read_parquet, write_parquet
from nightloom.families.base import load_family, restore_model
from nightloom.settings.train import EvaluateSettings
from nightloom.stages.context import BuildContext, Built
from nightloom.training.examples import read_examples
from nightloom.training.scoring import Scorer


def build(context: BuildContext) -> Built:
    """Score; writes metrics, predictions with probabilities, the worst mistakes and plots."""
    settings = context.group("evaluate", EvaluateSettings)
    model, description = restore_model(context)
    examples = context.inputs["examples"]
    test = read_examples(examples.path / "test.arrow")
    names: list[str] = examples.facts["label_names"]
    layout = load_family(context.variant).layout(
        description, test.lengths, batch_size=settings.batch_size
    )
    scorer = Scorer(model, jit_compile=True)
    logits = scorer.outputs(test, layout, report=context.report, what="evaluate")
    probabilities = softmax(np.stack(logits)) if logits else np.zeros((0, len(names)))
    metrics = classification.classification_metrics(
        labels=test.labels, probabilities=probabilities, label_names=names
    )
    _write(context, settings, test.labels, probabilities, names, metrics)
    return Built({"metrics": metrics})


def softmax(logits: np.ndarray) -> np.ndarray:
    """float32 [n, classes] → probabilities, computed in float64."""
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def _write(
    context: BuildContext,
    settings: EvaluateSettings,
    labels: np.ndarray,
    probabilities: np.ndarray,
    names: list[str],
    metrics: dict[str, Any],
) -> None:
    out = context.out
    text = json.dumps(metrics, indent=1, ensure_ascii=False)
    (out / "metrics.json").write_text(text + "\n", encoding="utf-8")
    given: dict[str, Any] = {"labels": labels, "probabilities": probabilities, "label_names": names}
    write_parquet(classification.predictions_table(**given), out / "predictions.parquet")
    texts = read_columns(context.inputs["dataset"].path / "test", ["text"])["text"].to_pylist()
    worst = classification.worst_mistakes(**given, texts=texts, limit=settings.worst)
    write_parquet(worst, out / "worst.parquet")
    confusion = metrics["confusion"]
    plots.plot_confusion(
        counts=confusion["counts"], names=confusion["labels"], path=out / "confusion.png"
    )
    plots.plot_reliability(table=metrics["reliability"], path=out / "reliability.png")
    plots.plot_scores(scores=metrics["by_class"], path=out / "scores.png")
    history = read_parquet(context.inputs["model"].path / "history.parquet")
    plots.plot_history(history=history, path=out / "history.png")
