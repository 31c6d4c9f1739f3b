"""`download_dataset`: rows from wherever they are, as train, valid and test splits in Arrow."""

from typing import Any

from nightloom.context import BuildContext, Built
from nightloom.data.build import build_entity_dataset, build_text_dataset
from nightloom.settings.data import EntityDataSettings, TextDataSettings

_NAMES = frozenset({"dataset.json", "source", "warnings", "notes"})
"""Holds names of files, which change nothing: the rows and labels are elsewhere as well."""


def build(context: BuildContext) -> Built:
    """Write the splits; what looks odd about the rows is said."""
    facts: dict[str, Any]
    if context.variant == "entities":
        entities = context.group("data", EntityDataSettings)
        facts = build_entity_dataset(entities, context.out, context.report)
    else:
        texts = context.group("data", TextDataSettings)
        facts = build_text_dataset(texts, context.out, context.report)
    for warning in facts.get("warnings", ()):
        context.report.warn(warning)
    return Built(facts, volatile=_NAMES)
