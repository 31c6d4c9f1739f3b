"""`evaluate` for tagged sentences: entity scores, predictions, the worst sentences, plots.

The windows of a sentence are stitched, so every gold entity of the test split counts.
"""

import numpy as np
import pandas

from nightloom.context import BuildContext
from nightloom.data.arrow import read_columns
from nightloom.evaluation import plots
from nightloom.evaluation.calibration import Bin, reliability
from nightloom.evaluation.entities import EntityMetrics, entity_metrics
from nightloom.evaluation.mistakes import WrongSentence, confusions, mistake_totals, worst_sentences
from nightloom.evaluation.probabilities import softmax
from nightloom.evaluation.rendering import sentences_html
from nightloom.evaluation.tables import PREDICTIONS, write_parquet, write_rows
from nightloom.evaluation.temperature import Calibration, CalibrationMetrics
from nightloom.facts import ExampleFacts
from nightloom.settings.evaluate import EvaluateSettings
from nightloom.training.examples import Examples
from nightloom.training.stitching import read_stitching


class TaggerMetrics(EntityMetrics, CalibrationMetrics):
    """With the calibration of words, and how many mistakes there are of each kind."""

    reliability: list[Bin]
    mistakes: dict[str, int]


def report(
    context: BuildContext,
    settings: EvaluateSettings,
    test: Examples,
    outputs: np.ndarray,
    calibration: Calibration,
) -> TaggerMetrics:
    """Returns the metrics; writes the tables, the page and the plots.

    outputs: logits [pieces of all windows, tags]. A word gets its first piece's tag.
    """
    examples, out = context.inputs["examples"], context.out
    names = np.array(context.facts("examples", ExampleFacts).label_names, dtype=object)
    stitching = read_stitching(examples.path / "test.arrow")
    logits = outputs if len(outputs) else np.zeros((0, len(names)), np.float32)
    scores = stitching.words(logits)
    probabilities = softmax(scores)
    best = probabilities.argmax(axis=1)
    rows = read_columns(context.inputs["dataset"].path / "test", ["tokens", "tags"])
    tokens = rows["tokens"].to_pylist()
    wanted = rows["tags"].combine_chunks().flatten().to_numpy()
    gold, predicted = (
        [list(tags) for tags in stitching.sentences(names[numbers])] for numbers in (wanted, best)
    )
    types = sorted({name[2:] for name in names if name != "O"})
    metrics: TaggerMetrics = {
        **entity_metrics(gold=gold, predicted=predicted, types=types),
        **calibration.metrics(logits=scores, labels=wanted),
        "reliability": reliability(labels=wanted, probabilities=probabilities),
        "mistakes": mistake_totals(gold=gold, predicted=predicted),
    }
    write_parquet(
        _predictions(tokens, names[wanted], names[best], probabilities.max(axis=1)),
        out / PREDICTIONS,
    )
    frequent = confusions(tokens=tokens, gold=gold, predicted=predicted)
    write_parquet(frequent, out / "confusions.parquet")
    write_rows(frequent, out / "confusions.json")
    worst = worst_sentences(tokens=tokens, gold=gold, predicted=predicted, limit=settings.worst)
    page = sentences_html(worst, types=types)
    (out / "worst.html").write_text(page, encoding="utf-8")
    write_rows(_worst_rows(worst), out / "worst.json")
    plots.plot_scores(scores=metrics["by_type"], path=out / "scores.png")
    plots.plot_reliability(table=metrics["reliability"], path=out / "reliability.png")
    plots.plot_counts(counts=metrics["mistakes"], title="Mistakes", path=out / "mistakes.png")
    return metrics


def _predictions(
    tokens: list[list[str]], gold: np.ndarray, predicted: np.ndarray, scores: np.ndarray
) -> pandas.DataFrame:
    """One line per word: row, position, token, label, predicted, correct, score."""
    sizes = [len(words) for words in tokens]
    return pandas.DataFrame(
        {
            "row": np.repeat(np.arange(len(tokens), dtype=np.int64), sizes),
            "position": np.concatenate([np.arange(size, dtype=np.int32) for size in sizes]),
            "token": [word for words in tokens for word in words],
            "label": gold,
            "predicted": predicted,
            "correct": gold == predicted,
            "score": scores,
        }
    )


def _worst_rows(worst: list[WrongSentence]) -> pandas.DataFrame:
    """The worst sentences as a table: row, mistakes, gold, predicted, text."""
    lines = []
    for one in worst:
        words = one["tokens"]
        named = {
            side: "; ".join(
                f"{' '.join(words[span.start : span.end])} ({span.type})" for span in spans
            )
            for side, spans in (("gold", one["gold"]), ("predicted", one["predicted"]))
        }
        mistakes = ", ".join(one["mistakes"])
        lines.append({"row": one["row"], "mistakes": mistakes, **named, "text": " ".join(words)})
    return pandas.DataFrame(lines, columns=["row", "mistakes", "gold", "predicted", "text"])
