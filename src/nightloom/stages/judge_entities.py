"""Whose entities in the test sentences the gate compares."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightloom.context import BuildContext
from nightloom.data.arrow import read_columns
from nightloom.data.splits.content import content_numbers
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
    return EntityAnswers(
        gold=_spans(own, "label"),
        found=_spans(own, "predicted"),
        kinds=_types(label_names(context)),
    )


def answers_of(
    context: BuildContext, rival: Rival, own: EntityAnswers
) -> tuple[EntityAnswers, list[str]] | str:
    """What another version finds in them and the types that it knows, or why there is nothing."""
    table = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    known = rival.predictions(table)
    if known is not None and known["row"].equals(table["row"]):
        return own.of(_spans(known, "predicted")), list(own.kinds)
    saved = open_saved(rival.saved_model())
    if not isinstance(saved, SavedTagger):
        return "it is no tagger of entities"
    theirs = _types(saved.label_names)
    if not set(theirs) & set(own.kinds):
        known_types, ours = (", ".join(types[:10]) for types in (theirs, own.kinds))
        return f"it knows entities of type {known_types}; the data has {ours}"
    tokens = test_tokens(context)
    found = saved.tag([words_as_text(words) for words in tokens])
    tags = [tags_of_words(words, tagged) for words, tagged in zip(tokens, found, strict=True)]
    return own.of(spans_of_all(tags)), theirs


def nothing(context: BuildContext, own: EntityAnswers) -> tuple[EntityAnswers, str]:
    """The answers that need no model, and what they are: no entity anywhere."""
    return own.of([[] for _ in range(len(own))]), "finding no entity at all"


def numbers(split: Path) -> np.ndarray:
    """What each sentence of a split says, uint64 [sentences]."""
    sentences = read_columns(split, ["tokens"])["tokens"].to_pylist()
    return content_numbers(" ".join(words) for words in sentences)


def _types(tags: Iterable[str]) -> list[str]:
    return sorted({name[2:] for name in tags if name != "O"})


def _spans(table: "pandas.DataFrame", column: str) -> list[list[Span]]:
    """Entities of each test sentence, from the tags that `evaluate` wrote."""
    begins = np.flatnonzero(np.diff(table["row"].to_numpy(), prepend=-1))[1:]
    return spans_of_all(
        [part.tolist() for part in np.split(table[column].to_numpy(object), begins)]
    )
