import keras
import pytest

from nightloom.errors import InputError
from nightloom.training.devices import computing_in, resolve


def test_auto_takes_what_there_is():
    assert resolve(("auto",)) == ["CPU:0"]
    assert resolve(("cpu",)) == ["CPU:0"]


@pytest.mark.parametrize("name", ["gpu", "gpu:7", "cpu:5"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(name):
    with pytest.raises(InputError, match=rf"cpu:0.*{name}"):
        resolve((name,))


def test_precision_is_the_policy_of_layers_made_inside_alone():
    with computing_in("mixed_bfloat16"):
        assert keras.config.dtype_policy().compute_dtype == "bfloat16"
        assert keras.config.dtype_policy().variable_dtype == "float32"
    assert keras.config.dtype_policy().compute_dtype == "float32"
