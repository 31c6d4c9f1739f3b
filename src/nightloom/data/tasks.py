"""The task-specific code between source and splits, looked up by name."""

from typing import Any

from nightloom.declared import by_declaration
from nightloom.plugins import load


@by_declaration
def examples_of(task: str) -> Any:
    """A task's kind of rows: a subclass of `nightloom.data.splits.examples.Examples`."""
    return load(load("nightloom.records.task:TASKS")[task].rows)
