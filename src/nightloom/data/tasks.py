"""What differs by task on the way from a source to splits, found by its name."""

from typing import Any

from nightloom.declared import by_declaration
from nightloom.plugins import load


@by_declaration
def examples_of(task: str) -> Any:
    """What the rows of a task are: a class of `nightloom.data.splits.examples.Examples`."""
    return load(load("nightloom.records.task:TASKS")[task].rows)
