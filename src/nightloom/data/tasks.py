"""What differs by task on the way from a source to splits, found by its name."""

from typing import TYPE_CHECKING, Any

from nightloom.declared import by_declaration
from nightloom.plugins import load

if TYPE_CHECKING:
    from nightloom.data.splits.examples import Examples


@by_declaration
def examples_of(task: str) -> "type[Examples[Any, Any]]":
    """What the rows of a task are."""
    found: type[Examples[Any, Any]] = load(load("nightloom.records.task:TASKS")[task].rows)
    return found
