"""Fixtures of the tests of serving."""

import pytest

from tests.serving.registered import registered
from tests.serving.tagger import Exported, export_tiny_tagger

__all__ = ["registered"]


@pytest.fixture(scope="session", params=["bert", "roberta", "albert"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A tagger on a checkpoint of each family of tokenizers."""
    return export_tiny_tagger(tmp_path_factory.mktemp(f"tagger-{request.param}"), request.param)
