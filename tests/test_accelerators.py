"""What depends on the device, resolved from what is there."""

import ctypes

import pytest

from nightloom import accelerators
from nightloom.accelerators import Accelerator, of_ray
from nightloom.errors import InputError
from nightloom.settings.flows import ClassifyBert, ClassifyTransformer, NerBert
from nightloom.settings.parse import parse_settings
from nightloom.training.devices import resolve

NEW = Accelerator(name="NVIDIA H100", bfloat16=True, driver="1")
OLD = Accelerator(name="Tesla V100", bfloat16=False, driver="1")


@pytest.mark.parametrize("kind", [ClassifyTransformer, ClassifyBert, NerBert])
@pytest.mark.parametrize(
    ("gpu", "precision", "devices"),
    [
        (None, "float32", ("auto",)),
        (OLD, "float32", ("gpu",)),
        (NEW, "mixed_bfloat16", ("gpu",)),
    ],
)
def test_auto_follows_the_device(kind, gpu, precision, devices):
    found = kind().on(gpu).train
    assert (found.precision, found.devices) == (precision, devices)
    assert found.deterministic is True
    assert found.on(gpu) == found
    assert found.on(None) == found


def test_what_is_asked_for_stays():
    asked = ["train.precision=mixed_float16", "train.deterministic=false", "train.devices=gpu:1"]
    settings = parse_settings(ClassifyBert, asked)
    assert settings.on(NEW) == settings


def test_a_cpu_that_is_asked_for_is_used_in_its_own_precision():
    found = parse_settings(ClassifyBert, ["train.devices=cpu"]).on(NEW).train
    assert (found.precision, found.devices) == ("float32", ("cpu",))


def test_ray_names_what_its_nodes_have():
    assert of_ray(["H100"]).bfloat16
    assert of_ray(["A100-40G", "L4"]).bfloat16
    assert not of_ray(["A100", "V100"]).bfloat16
    assert not of_ray(["TESLA-T4"]).bfloat16
    assert not of_ray([]).bfloat16


@pytest.mark.parametrize(
    ("chosen", "left"),
    [(None, 2), ("", 0), ("-1", 0), ("0", 1), ("1,0", 2), ("0,7,1", 1), ("GPU-5ebe9d2b", 1)],
)
def test_only_visible_gpus_count(chosen, left):
    assert len(accelerators._visible([NEW, OLD], chosen)) == left


def test_without_nvidias_library_there_is_no_gpu():
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        assert accelerators._listed() == []
    else:
        pytest.skip("this machine has NVIDIA's library")


def test_a_gpu_without_its_libraries_is_told_of(monkeypatch):
    monkeypatch.setattr(accelerators, "_listed", lambda: [NEW])
    monkeypatch.setattr(accelerators, "missing_libraries", lambda: ("libcudnn.so.9",))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    accelerators.accelerator.cache_clear()
    try:
        assert accelerators.accelerator() is None
        assert "NVIDIA H100 without libcudnn.so.9: pip install" in accelerators.idle_gpu()
    finally:
        accelerators.accelerator.cache_clear()


def test_a_gpu_that_is_not_there_has_a_way_out():
    with pytest.raises(InputError, match=r"cpu:0.*got gpu; set train.devices=cpu"):
        resolve(("gpu",))


def test_the_users_own_compiler_flags_come_last(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_enable_triton_gemm=true")
    flags = accelerators.compiler_flags("--more").split()
    assert flags[-1] == "--xla_gpu_enable_triton_gemm=true"
    assert "--more" in flags
