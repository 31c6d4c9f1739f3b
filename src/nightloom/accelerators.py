"""The GPUs that training would use, detected without TensorFlow: plans and keys depend on them."""

import ctypes
import ctypes.util
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BFLOAT16_SINCE = (8, 0)
"""Compute capability of the first GPUs with bfloat16 arithmetic (Ampere)."""
BEFORE_BFLOAT16 = ("K80", "M60", "P4", "P40", "P100", "V100", "T4")
"""Ray's names of GPUs without it."""
LIBRARIES = ("libcudnn.so.9", "libcublas.so.12")
"""Without these, TensorFlow does not use a GPU."""

COMPILER_FLAGS = "--xla_gpu_enable_triton_gemm=false"
"""How XLA compiles for a GPU, unless `XLA_FLAGS` says otherwise: matrix products by cuBLAS. If
results must be reproducible, XLA does not autotune its own kernels: steps of MiniLM took nine times
as long with them on an H200. With autotuning, compilation took 16 s more."""


@dataclass(frozen=True)
class Accelerator:
    """GPUs of one kind, with the properties that defaults depend on."""

    name: str
    """For example `NVIDIA H100 80GB HBM3`."""
    bfloat16: bool
    """Whether they support bfloat16."""
    driver: str = ""


@cache
def accelerator() -> Accelerator | None:
    """The GPUs that TensorFlow would use in this process, or None.

    Respects `CUDA_VISIBLE_DEVICES`. For several kinds, what all of them support.
    """
    found = _visible(_listed(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    if not found or missing_libraries():
        return None
    return Accelerator(
        name=found[0].name, bfloat16=all(one.bfloat16 for one in found), driver=found[0].driver
    )


def idle_gpu() -> str:
    """Why TensorFlow cannot use a GPU of this machine, and what to do; empty if there is none."""
    found = _visible(_listed(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    if not found or not missing_libraries():
        return ""
    return (
        f"TensorFlow cannot use {found[0].name} without {', '.join(missing_libraries())}: "
        "pip install 'nightloom[gpu]'"
    )


def of_ray(types: list[str]) -> Accelerator:
    """The GPUs of a Ray cluster, from its resources `accelerator_type:...`."""
    names = [one.removeprefix("NVIDIA-").removeprefix("TESLA-") for one in types]
    known = all(not name.startswith(BEFORE_BFLOAT16) for name in names)
    return Accelerator(name=", ".join(types) or "GPU", bfloat16=bool(names) and known)


def _visible(there: list[Accelerator], chosen: str | None) -> list[Accelerator]:
    """Those allowed by `CUDA_VISIBLE_DEVICES`; CUDA stops at the first invalid number."""
    if chosen is None:
        return there
    kept = []
    for name in chosen.split(","):
        name = name.strip()
        if name.startswith(("GPU-", "MIG-")):
            kept += there[:1]  # which one, only the driver knows
        elif name.isdigit() and int(name) < len(there):
            kept.append(there[int(name)])
        else:
            break
    return kept


def _listed() -> list[Accelerator]:
    """All GPUs, as NVIDIA's management library lists them."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    if nvml.nvmlInit_v2():
        return []
    try:
        count, text = ctypes.c_uint(), ctypes.create_string_buffer(96)
        nvml.nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text)))
        driver = text.value.decode("ascii", "replace")
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return [_one(nvml, number, driver) for number in range(count.value)]
    finally:
        nvml.nvmlShutdown()


def _one(nvml: ctypes.CDLL, number: int, driver: str) -> Accelerator:
    handle, text = ctypes.c_void_p(), ctypes.create_string_buffer(96)
    major, minor = ctypes.c_int(), ctypes.c_int()
    nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(handle))
    nvml.nvmlDeviceGetName(handle, text, ctypes.c_uint(len(text)))
    nvml.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor))
    return Accelerator(
        name=text.value.decode("utf-8", "replace"),
        bfloat16=(major.value, minor.value) >= BFLOAT16_SINCE,
        driver=driver,
    )


def compiler_flags(*more: str) -> str:
    """`XLA_FLAGS` for a process that uses the GPU; the user's come last and win."""
    return " ".join([COMPILER_FLAGS, *more, os.environ.get("XLA_FLAGS", "")]).strip()


@cache
def missing_libraries() -> tuple[str, ...]:
    """The CUDA libraries that TensorFlow would not find."""
    return tuple(name for name in LIBRARIES if not _is_there(name))


def _is_there(library: str) -> bool:
    named = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    folders = [Path(folder) for folder in named if folder]
    folders += [Path("/usr/local/cuda/lib64"), Path("/usr/lib/x86_64-linux-gnu")]
    if any((folder / library).exists() for folder in folders):
        return True
    # as `tensorflow[and-cuda]` installs them
    if any(any(Path(entry).glob(f"nvidia/*/lib/{library}")) for entry in sys.path if entry):
        return True
    stem = library.removeprefix("lib").partition(".so")[0]
    return ctypes.util.find_library(stem) == library
