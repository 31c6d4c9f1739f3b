"""Graphs of plain operations, to be loaded elsewhere.

A SavedModel does not store custom gradients: fine-tuning after loading needs TensorFlow's own.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar

from nightloom.scoped import scoped

_plain: ContextVar[bool] = ContextVar("nightloom_plain", default=False)


def plain_gradients() -> AbstractContextManager[bool]:
    """Inside, traced functions use only TensorFlow's own gradients."""
    return scoped(_plain, True)


def is_plain() -> bool:
    """Whether the graph being traced must contain only plain operations."""
    return _plain.get()
