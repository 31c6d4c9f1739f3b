"""Graphs of plain operations, for those who load them elsewhere.

A SavedModel does not hold gradients of one's own: what is fine-tuned after loading needs
TensorFlow's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_plain: ContextVar[bool] = ContextVar("nightloom_plain", default=False)


@contextmanager
def plain_gradients() -> Iterator[None]:
    """What is traced inside has TensorFlow's gradients alone."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def is_plain() -> bool:
    """Whether the graph that is traced now must hold plain operations alone."""
    return _plain.get()
