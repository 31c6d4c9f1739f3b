"""A context variable with a value of its own inside a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Value = TypeVar("Value")


@contextmanager
def scoped(variable: ContextVar[Value], value: Value) -> Iterator[Value]:
    """Inside, `variable` is `value`; afterwards what it was before."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)
