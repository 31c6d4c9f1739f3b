"""Fixtures of the encoders' tests."""

import pytest

from nightloom.encoders.architectures import MODEL_TYPES


@pytest.fixture(params=MODEL_TYPES)
def family(request: pytest.FixtureRequest) -> str:
    """Each family in turn."""
    return request.param
