"""`evaluate` for classified texts: scores, predictions, the worst mistakes, plots."""

from typing import Any

import numpy as np

from nightloom.context import BuildContext
from nightloom.data.arrow import read_columns
from nightloom.evaluation import classification, plots
from nightloom.evaluation.probabilities import softmax
from nightloom.evaluation.tables import PREDICTIONS, write_parquet, write_rows
from nightloom.evaluation.temperature import Calibration, CalibrationMetrics
from nightloom.facts import ExampleFacts
from nightloom.settings.evaluate import EvaluateSettings
from nightloom.training.examples import Examples


class ClassifierMetrics(classification.ClassificationMetrics, CalibrationMetrics):
    """With the calibration of the answers."""


def report(
    context: BuildContext,
    settings: EvaluateSettings,
    test: Examples,
    outputs: np.ndarray,
    calibration: Calibration,
) -> ClassifierMetrics:
    """Returns the metrics; writes tables and plots. outputs: logits [rows, classes]."""
    out, names = context.out, context.facts("examples", ExampleFacts).label_names
    labels = test.labels
    probabilities = softmax(outputs) if len(outputs) else np.zeros((0, len(names)))
    given: Any = {"labels": labels, "probabilities": probabilities, "label_names": names}
    metrics: ClassifierMetrics = {
        **classification.classification_metrics(**given),
        **calibration.metrics(logits=outputs, labels=labels),
    }
    write_parquet(classification.predictions_table(**given), out / PREDICTIONS)
    texts = read_columns(context.inputs["dataset"].path / "test", ["text"])["text"].to_pylist()
    worst = classification.worst_mistakes(**given, texts=texts, limit=settings.worst)
    write_parquet(worst, out / "worst.parquet")
    write_rows(worst, out / "worst.json")
    confusion = metrics["confusion"]
    plots.plot_confusion(
        counts=confusion["counts"], names=confusion["labels"], path=out / "confusion.png"
    )
    plots.plot_reliability(table=metrics["reliability"], path=out / "reliability.png")
    plots.plot_scores(scores=metrics["by_class"], path=out / "scores.png")
    return metrics
