"""How `register` judges a tagger: against the champion, on the same test sentences."""

from typing import TYPE_CHECKING

import numpy as np

from nightloom.context import BuildContext
from nightloom.evaluation.spans import Span, match_counts, spans_of_all
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.gate.judging import Verdict, incomparable, judge_tagger, without_anchor
from nightloom.serving.answers.pieces import SavedTagger
from nightloom.serving.entities import tags_of_words, words_as_text
from nightloom.serving.saved import open_saved
from nightloom.settings.register import RegisterSettings
from nightloom.stages.register_entities import label_names, test_tokens
from nightloom.stages.rivals import Rival, answers_of_anchor

if TYPE_CHECKING:
    import pandas

METRIC = "f1"


def judge(
    context: BuildContext, settings: RegisterSettings, champion: Rival | None, anchor: Rival | None
) -> Verdict:
    """The gate's verdict, against champion and anchor on the same sentences where there are such.

    anchor: None where the champion is it.
    """
    own = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    gold = _spans(own, "label")
    counts = match_counts(gold, _spans(own, "predicted"))
    other = best = lost = None
    if champion is not None:
        found = _found_by(context, champion, own)
        if isinstance(found, str):
            value = judge_tagger(counts=counts, champion_counts=None).value
            return incomparable(metric=METRIC, value=value, champion=champion.called, why=found)
        other = match_counts(gold, found)
    if champion is not None and anchor is not None:
        best, lost = answers_of_anchor(lambda: _found_by(context, anchor, own))
    verdict = judge_tagger(
        counts=counts,
        champion_counts=other,
        champion=champion.called if champion else "",
        anchor_counts=None if best is None else match_counts(gold, best),
        anchor=anchor.called if anchor else "",
        tolerance=settings.tolerance,
        slack=settings.slack,
        min_metric=settings.min_metric,
        confidence=settings.confidence,
    )
    if champion is None or anchor is None or lost is None:
        return verdict
    return without_anchor(verdict, anchor=anchor.called, champion=champion.called, why=lost)


def _spans(table: "pandas.DataFrame", column: str) -> list[list[Span]]:
    """Entities of each test sentence, from the tags that `evaluate` wrote."""
    begins = np.flatnonzero(np.diff(table["row"].to_numpy(), prepend=-1))[1:]
    return spans_of_all(
        [part.tolist() for part in np.split(table[column].to_numpy(object), begins)]
    )


def _found_by(
    context: BuildContext, rival: Rival, own: "pandas.DataFrame"
) -> list[list[Span]] | str:
    """Another version's entities in our test sentences, or why they cannot be had."""
    known = rival.predictions(own)
    if known is not None and known["row"].equals(own["row"]):
        return _spans(known, "predicted")
    saved = open_saved(rival.saved_model())
    if not isinstance(saved, SavedTagger):
        return "it is no tagger of entities"
    names = label_names(context)
    if set(saved.label_names) != set(names):
        theirs, ours = (
            ", ".join(sorted({name[2:] for name in tags if name != "O"})[:10])
            for tags in (saved.label_names, names)
        )
        return f"it knows entities of type {theirs}; the data has {ours}"
    tokens = test_tokens(context)
    found = saved.tag([words_as_text(words) for words in tokens])
    return spans_of_all(
        [tags_of_words(words, tagged) for words, tagged in zip(tokens, found, strict=True)]
    )
