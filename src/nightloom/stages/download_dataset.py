"""`download_dataset`: rows from any source, as train, valid and test splits in Arrow."""

from nightloom.context import BuildContext, Built
from nightloom.data.build import build_dataset

_NAMES = frozenset({"dataset.json", "source", "warnings", "notes", "cut", "within"})
"""Holds names of files and days that count on with the night, which change nothing: the rows and
labels are elsewhere as well."""


def build(context: BuildContext) -> Built:
    """Write the splits; report oddities of the rows."""
    settings = context.group("data", context.hook("data"))
    expected = context.outside.get("data.source")
    facts = build_dataset(settings, context.out, context.report, expected=expected)
    for warning in facts.get("warnings", ()):
        context.report.warn(warning)
    return Built(facts, volatile=_NAMES)
