"""Marks what finds code by name, so that keys neither miss that code nor cover all of it."""

from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])


def by_declaration(function: Function) -> Function:
    """Mark a function that loads code by a name which the stage's declaration tells.

    Keys do not follow what such a function refers to: they follow what the declaration names.
    Without the mark, an import by a computed name counts every module that may be meant.
    """
    return function
