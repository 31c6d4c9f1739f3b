"""How `register` judges a tagger: against the champion, on the same test sentences."""

from typing import TYPE_CHECKING

import numpy as np

from nightloom.context import BuildContext
from nightloom.evaluation.spans import Span, match_counts, spans_of_all
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.registry.gate import Verdict, incomparable, judge_tagger
from nightloom.serving.answers.pieces import SavedTagger
from nightloom.serving.entities import tags_of_words, words_as_text
from nightloom.serving.saved import open_saved
from nightloom.settings.register import RegisterSettings
from nightloom.stages.champion import Champion
from nightloom.stages.register_entities import label_names, test_tokens

if TYPE_CHECKING:
    import pandas

METRIC = "f1"


def judge(context: BuildContext, settings: RegisterSettings, champion: Champion | None) -> Verdict:
    """The gate's verdict, against the champion on the same test sentences where there is one."""
    own = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    gold = _spans(own, "label")
    counts = match_counts(gold, _spans(own, "predicted"))
    other, called = None, "the champion"
    if champion is not None:
        called = champion.called
        found = _champion_spans(context, champion, own)
        if isinstance(found, str):
            verdict = judge_tagger(counts=counts, champion_counts=None)
            return incomparable(metric=METRIC, value=verdict.value, champion=called, why=found)
        other = match_counts(gold, found)
    return judge_tagger(
        counts=counts,
        champion_counts=other,
        champion=called,
        tolerance=settings.tolerance,
        min_metric=settings.min_metric,
        confidence=settings.confidence,
    )


def _spans(table: "pandas.DataFrame", column: str) -> list[list[Span]]:
    """Entities of each test sentence, from the tags that `evaluate` wrote."""
    begins = np.flatnonzero(np.diff(table["row"].to_numpy(), prepend=-1))[1:]
    return spans_of_all(
        [part.tolist() for part in np.split(table[column].to_numpy(object), begins)]
    )


def _champion_spans(
    context: BuildContext, champion: Champion, own: "pandas.DataFrame"
) -> list[list[Span]] | str:
    """The champion's entities in our test sentences, or why they cannot be had."""
    known = champion.predictions(own)
    if known is not None and known["row"].equals(own["row"]):
        return _spans(known, "predicted")
    saved = open_saved(champion.saved_model())
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
