"""TensorFlow's determinism, which a training switches on for the whole process."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def any_determinism() -> Iterator[None]:
    """Tests of this module may draw without a seed, whichever tests ran before them."""
    from tensorflow.python.util import _pywrap_determinism

    was_on = _pywrap_determinism.is_enabled()
    _pywrap_determinism.enable(False)
    yield
    _pywrap_determinism.enable(was_on)
