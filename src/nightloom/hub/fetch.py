"""A pair of TF Hub modules, by handle or from disk, checked and copied into one folder."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.errors import InputError, NightloomError
from nightloom.hub.download import cache_folder, is_offline, resolve_handle
from nightloom.hub.operations import check_operations
from nightloom.progress import SILENT, Report

ENCODER = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-4_H-128_A-2/1"
PREPROCESS = "https://tfhub.dev/tensorflow/bert_en_uncased_preprocess/3"

INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
OUTPUTS = ("pooled_output", "sequence_output")

_PARTS = ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb")
_FOLDERS = ("variables", "assets", "assets.extra")


@dataclass(frozen=True)
class HubPair:
    """Where the two modules lie, and what calling them showed."""

    encoder: Path
    preprocess: Path
    seq_length: int  # columns of what the preprocessing module gives for a text
    hidden_size: int


def fetch_modules(
    *,
    encoder: str = ENCODER,
    preprocess: str | None = None,
    out: Path,
    report: Report = SILENT,
    offline: bool | None = None,
    cache: Path | None = None,
    seq_length: int = 128,
) -> HubPair:
    """Bring an encoder and its preprocessing module into `out/encoder` and `out/preprocess`.

    `encoder` and `preprocess` are each an http(s) handle (tfhub.dev, www.kaggle.com, a mirror that
    speaks the same protocol) or a local SavedModel directory. An encoder that is a Hugging Face
    checkpoint instead (a directory with config.json, or the name `minilm`) is exported as a pair
    with `seq_length`, and needs no `preprocess`; the default encoder brings its own default, any
    other SavedModel needs one. `offline` and `cache` default to what the environment says
    (`NIGHTLOOM_OFFLINE`, `TFHUB_CACHE_DIR`).

    The two default handles are those of the teaching notebook; they are served by a hub outside,
    so tests cannot show that it still answers them.

    Raises:
        InputError: no such model, no network, offline and not cached, not a SavedModel, one that
            reaches files, network or Python, or a pair that does not fit together.
        RunError: the server failed in the middle.
    """
    out = Path(out)
    offline = is_offline() if offline is None else offline
    cache = cache_folder() if cache is None else Path(cache)
    checkpoint = _checkpoint(encoder, report)
    if checkpoint is not None:
        if preprocess is not None:
            raise InputError(
                f"the encoder {encoder} is a checkpoint and brings its tokenizer; leave the "
                f"preprocessing module {preprocess} out"
            )
        from nightloom.hub.export import export_hub

        export_hub(checkpoint, out, seq_length=seq_length)
        return check_pair(out / "encoder", out / "preprocess")
    if preprocess is None:
        if encoder != ENCODER:
            raise InputError(
                f"the encoder {encoder} is a SavedModel: name the preprocessing module that it "
                "was trained with as well"
            )
        preprocess = PREPROCESS
    for name, source in (("encoder", encoder), ("preprocess", preprocess)):
        report.log(f"{name}: {source}")
        if source.startswith(("http://", "https://")):
            directory = resolve_handle(source, cache=cache, offline=offline, report=report)
        else:
            directory = Path(source).expanduser()
            if not directory.is_dir():
                raise InputError(
                    f"expected an https:// handle or a SavedModel directory as {name}, "
                    f"got {source!r}"
                )
        check_operations(directory)
        copy_saved_model(directory, out / name)
    return check_pair(out / "encoder", out / "preprocess")


def _checkpoint(encoder: str, report: Report) -> Path | None:
    directory = Path(encoder).expanduser()
    if (directory / "config.json").is_file() and not (directory / "saved_model.pb").exists():
        return directory
    return None


def copy_saved_model(source: Path, target: Path) -> None:
    """Copy what belongs to a SavedModel and nothing else; `target` must not exist."""
    if target.exists():
        raise InputError(f"expected no folder yet at {target}")
    target.mkdir(parents=True)
    for name in _PARTS:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    for name in _FOLDERS:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, copy_function=shutil.copyfile)


def check_pair(encoder: Path, preprocess: Path) -> HubPair:
    """Run one text through both modules.

    Raises:
        InputError: inputs or outputs other than those of a BERT pair on TF Hub.
    """
    import tensorflow as tf

    from nightloom.hub.layer import load_saved_model

    inputs = _call(load_saved_model(preprocess), preprocess, tf.constant(["a text", ""]))
    _expect(inputs, INPUTS, preprocess)
    module = load_saved_model(encoder)
    outputs = _call(module, encoder, {name: inputs[name] for name in INPUTS})
    _expect(outputs, OUTPUTS, encoder)
    shape = outputs["sequence_output"].shape
    width = inputs["input_word_ids"].shape[1]
    if shape.rank != 3 or shape[:2] != (2, width) or outputs["pooled_output"].shape.rank != 2:
        raise InputError(
            f"expected sequence_output [rows, {width}, hidden] and pooled_output [rows, hidden] "
            f"from {encoder}, got {shape} and {outputs['pooled_output'].shape}"
        )
    return HubPair(encoder, preprocess, int(width), int(shape[2]))


def _call(module: Any, where: Path, inputs: Any) -> Any:
    try:
        return module(inputs)
    except NightloomError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"the SavedModel {where} does not take what a BERT module of TF Hub takes: {reason}"
        ) from error


def _expect(found: Any, names: tuple[str, ...], where: Path) -> None:
    if not isinstance(found, Mapping) or not set(names) <= set(found):
        got = ", ".join(sorted(found)) if isinstance(found, Mapping) else type(found).__name__
        raise InputError(f"expected {where} to return {', '.join(names)}, got {got}")
