"""Every module of `architectures` is in the list, and says how its models are read and written."""

import importlib
import pkgutil

import pytest

from nightloom.encoders import architectures
from nightloom.encoders.architecture import KEYS, TaskModels
from nightloom.encoders.architectures import ARCHITECTURES, MODEL_TYPES, architecture_of

MODULES = sorted(one.name for one in pkgutil.iter_modules(architectures.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_both_records_and_is_listed(name: str) -> None:
    [record] = [one for one in ARCHITECTURES if one.name == name]
    models = importlib.import_module(f"{architectures.__name__}.{name}").TASK_MODELS
    assert isinstance(models, TaskModels)
    assert set(models.classes) == set(record.model_types)
    assert all(architecture_of(one) is record for one in record.model_types)


def test_no_two_read_one_model_type() -> None:
    named = [name for record in ARCHITECTURES for name in record.model_types]
    assert sorted(named) == sorted(set(named)) == sorted(MODEL_TYPES)


@pytest.mark.parametrize("record", ARCHITECTURES, ids=lambda record: record.name)
def test_what_has_no_key_has_a_value(record: architectures.Architecture) -> None:
    assert set(KEYS) - set(record.keys) <= set(record.defaults)
