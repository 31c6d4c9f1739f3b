"""Fixtures of the encoders' tests."""

import pytest

from nightloom.encoders.config import FAMILIES


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    """Each family in turn."""
    return request.param
