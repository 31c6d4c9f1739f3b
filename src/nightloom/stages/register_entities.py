"""`register` for tagged sentences: the exported tagger, and how it is judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.data.arrow import read_columns
from nightloom.evaluation.spans import Span, match_counts, spans_of_all
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.registry.gate import Verdict, incomparable, judge_tagger
from nightloom.registry.mlmodel import ENTITIES, TEXT, Field, ModelCard
from nightloom.serving.entities import tags_of_words, words_as_text
from nightloom.serving.saved import open_saved
from nightloom.serving.tagger import UNCUT, SavedTagger, export_tagger
from nightloom.settings.train import RegisterSettings
from nightloom.stages.champion import Champion
from nightloom.stages.context import BuildContext
from nightloom.text.tokenizers import load_tokenizer

if TYPE_CHECKING:
    import pandas

METRIC = "f1"


def export(context: BuildContext, model: Any, folder: Path) -> None:
    """Write the SavedModel: raw strings to a tag for every piece, with offsets."""
    settings = context.settings["model"]
    tokenizer = load_tokenizer(context.inputs["tokenizer"].path, length=UNCUT)
    export_tagger(
        tokenizer=tokenizer.graph(),
        model=model,
        label_names=_names(context),
        length=settings["length"],
        overlap=settings["overlap"],
        folder=folder,
    )


def card(context: BuildContext, *, examples: int) -> ModelCard:
    """What MLflow is told about it."""
    texts = (words_as_text(words) for words in _test_tokens(context)[:examples])
    return ModelCard(
        columns=(TEXT,),
        outputs=(Field(ENTITIES, ENTITIES),),
        example=tuple(texts),
        needs=("tokenizers",),
    )


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


def _names(context: BuildContext) -> list[str]:
    names: list[str] = context.inputs["dataset"].facts["label_names"]
    return names


def _test_tokens(context: BuildContext) -> list[list[str]]:
    test = context.inputs["dataset"].path / "test"
    tokens: list[list[str]] = read_columns(test, ["tokens"])["tokens"].to_pylist()
    return tokens


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
    names = _names(context)
    if set(saved.label_names) != set(names):
        theirs, ours = (
            ", ".join(sorted({name[2:] for name in tags if name != "O"})[:10])
            for tags in (saved.label_names, names)
        )
        return f"it knows entities of type {theirs}; the data has {ours}"
    tokens = _test_tokens(context)
    found = saved.tag([words_as_text(words) for words in tokens])
    return spans_of_all(
        [tags_of_words(words, tagged) for words, tagged in zip(tokens, found, strict=True)]
    )
