"""Whose entities in the test sentences the gate compares."""

from typing import TYPE_CHECKING

import numpy as np

from nightloom.context import BuildContext
from nightloom.evaluation.spans import Span, spans_of_all
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.gate.answers import EntityAnswers
from nightloom.serving.answers.pieces import SavedTagger
from nightloom.serving.entities import tags_of_words, words_as_text
from nightloom.serving.saved import open_saved
from nightloom.settings.register import RegisterSettings
from nightloom.stages.register_entities import label_names, test_tokens
from nightloom.stages.rivals import Rival

if TYPE_CHECKING:
    import pandas


def answers(context: BuildContext, settings: RegisterSettings) -> EntityAnswers:
    """The entities that the new model finds in the test sentences."""
    own = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    return EntityAnswers(gold=_spans(own, "label"), found=_spans(own, "predicted"))


def answers_of(context: BuildContext, rival: Rival, own: EntityAnswers) -> EntityAnswers | str:
    """What another version finds in them, or why that cannot be had."""
    table = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    known = rival.predictions(table)
    if known is not None and known["row"].equals(table["row"]):
        return own.of(_spans(known, "predicted"))
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
    return own.of(
        spans_of_all(
            [tags_of_words(words, tagged) for words, tagged in zip(tokens, found, strict=True)]
        )
    )


def nothing(context: BuildContext, own: EntityAnswers) -> tuple[EntityAnswers, str]:
    """The answers that need no model, and what they are: no entity anywhere."""
    return own.of([[] for _ in range(len(own))]), "finding no entity at all"


def _spans(table: "pandas.DataFrame", column: str) -> list[list[Span]]:
    """Entities of each test sentence, from the tags that `evaluate` wrote."""
    begins = np.flatnonzero(np.diff(table["row"].to_numpy(), prepend=-1))[1:]
    return spans_of_all(
        [part.tolist() for part in np.split(table[column].to_numpy(object), begins)]
    )
