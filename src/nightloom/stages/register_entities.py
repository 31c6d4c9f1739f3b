"""`register` for tagged sentences: the exported tagger, and what MLflow is told about it."""

from pathlib import Path

from nightloom.context import BuildContext
from nightloom.data.arrow import read_columns
from nightloom.facts import DataFacts
from nightloom.models.contract import Model
from nightloom.registry.mlmodel import ENTITIES, TEXT, Field, ModelCard
from nightloom.serving.entities import words_as_text
from nightloom.serving.tagger import UNCUT, export_tagger


def export(context: BuildContext, model: Model, folder: Path) -> None:
    """Write the SavedModel: raw strings to a tag for every piece, with offsets."""
    settings = context.settings["model"]
    tokenizer = context.hook("tokenizer.load")(context.inputs["tokenizer"].path, length=UNCUT)
    export_tagger(
        tokenizer=tokenizer.graph(),
        model=model,
        label_names=label_names(context),
        length=settings["length"],
        overlap=settings["overlap"],
        folder=folder,
    )


def card(context: BuildContext, *, examples: int) -> ModelCard:
    """What MLflow is told about it."""
    texts = (words_as_text(words) for words in test_tokens(context)[:examples])
    return ModelCard(
        columns=(TEXT,),
        outputs=(Field(ENTITIES, ENTITIES),),
        example=tuple(texts),
        needs=("tokenizers",),
    )


def label_names(context: BuildContext) -> list[str]:
    """The tags, in the order of the model's outputs."""
    return list(context.facts("dataset", DataFacts).label_names)


def test_tokens(context: BuildContext) -> list[list[str]]:
    """The words of each test sentence."""
    test = context.inputs["dataset"].path / "test"
    tokens: list[list[str]] = read_columns(test, ["tokens"])["tokens"].to_pylist()
    return tokens
