"""Graphs of plain operations, to be loaded elsewhere.

A SavedModel does not store custom gradients: fine-tuning after loading needs TensorFlow's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_plain: ContextVar[bool] = ContextVar("nightloom_plain", default=False)


@contextmanager
def plain_gradients() -> Iterator[None]:
    """Inside, traced functions use only TensorFlow's own gradients."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def is_plain() -> bool:
    """Whether the graph being traced must contain only plain operations."""
    return _plain.get()
