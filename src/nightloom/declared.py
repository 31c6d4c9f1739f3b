"""Marks functions that find code by name, so that keys cover neither too little nor too much."""

from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])


def by_declaration(function: Function) -> Function:
    """Mark a function that loads code by a name from the stage's declaration.

    Keys do not follow the references of such a function, but what the declaration names. Without
    the mark, an import by a computed name counts every module it could mean.
    """
    return function
