"""What Keras can do without is not found by Keras, and by everybody else."""

import sys

import pytest

from nightloom.worker.lean import OPTIONAL, import_leanly


@pytest.fixture
def lean(monkeypatch: pytest.MonkeyPatch):
    """As in a worker, before the packages were imported."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in OPTIONAL:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import_leanly()
    import_leanly()


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.usefixtures("lean")
def test_keras_does_not_find_it(name: str):
    with pytest.raises(ModuleNotFoundError, match=name):
        exec(f"import {name}", {"__name__": "keras.src.wrappers.sklearn_wrapper"})


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.usefixtures("lean")
def test_a_stage_finds_it(name: str):
    asked = {"__name__": "nightloom.data.suspicious"}
    exec(f"import importlib.util\nfound = importlib.util.find_spec({name!r})", asked)
    assert asked["found"]
