"""A pair of TF Hub modules, by handle or from disk, checked and copied into one folder."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.downloads.words import cleaned
from nightloom.errors import InputError, NightloomError
from nightloom.progress import SILENT, Report
from nightloom.tfhub.download import is_offline, resolve_handle
from nightloom.tfhub.operations import check_operations

ENCODER = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-4_H-128_A-2/1"
_BERT = re.compile(
    r"(?P<publisher>https?://.+/tensorflow)/(small_bert/)?"
    r"bert_(?P<language>en|zh|multi)(_wwm)?(?P<case>_cased|_uncased)?_L-\d+_H-\d+_A-\d+/\d+"
)

INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
OUTPUTS = ("pooled_output", "sequence_output")

_PARTS = ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb")
_FOLDERS = ("variables", "assets", "assets.extra")


@dataclass(frozen=True)
class HubPair:
    """The folders of the two modules, and what calling them showed."""

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
    seq_length: int | None = None,
    lowercase: bool | None = None,
) -> HubPair:
    """Bring an encoder and its preprocessing module into `out/encoder` and `out/preprocess`.

    `encoder` and `preprocess` are each an http(s) handle (tfhub.dev, www.kaggle.com, a mirror that
    speaks the same protocol) or a local SavedModel directory. An encoder that is a checkpoint
    instead (a directory with config.json, a Hugging Face id, or `minilm`) is exported as a pair
    with `seq_length` (and `lowercase`, as in `fetch_checkpoint`), and needs no `preprocess`; any
    other needs one, except encoders named like TF Hub's BERTs, whose module is known
    (`usual_preprocess`). `offline` and `cache` default to the environment (`NIGHTLOOM_OFFLINE`,
    `TFHUB_CACHE_DIR`).

    The default handle is served by an external hub, so tests cannot show that it still works.

    Raises:
        InputError: no such model, no network, offline and not cached, not a SavedModel, one that
            reaches files, network or Python, or a pair that does not fit together.
        RunError: the server failed in the middle.
    """
    out = Path(out)
    offline = is_offline() if offline is None else offline
    if not _is_handle(encoder) and not (Path(encoder).expanduser() / "saved_model.pb").is_file():
        if preprocess is not None:
            raise InputError(
                f"the encoder {encoder} is a checkpoint and brings its tokenizer; leave the "
                f"preprocessing module {preprocess} out"
            )
        options: dict[str, Any] = {"offline": offline, "report": report}
        if lowercase is not None:
            options["lowercase"] = lowercase
        _export(encoder, out, seq_length, **options)
        return check_pair(out / "encoder", out / "preprocess")
    if lowercase is not None:
        raise InputError(
            f"the encoder {cleaned(encoder)} is a SavedModel, whose preprocessing module decides "
            "about capitals; leave model.lowercase out"
        )
    preprocess = preprocess or usual_preprocess(encoder)
    if preprocess is None:
        raise InputError(
            f"the encoder {cleaned(encoder)} is a SavedModel: name the preprocessing module that "
            "it was trained with as well (model.preprocess)"
        )
    for name, source in (("encoder", encoder), ("preprocess", preprocess)):
        report.log(f"{name}: {cleaned(source)}")
        _bring(source, out / name, offline=offline, cache=cache, report=report)
    return check_pair(out / "encoder", out / "preprocess")


def usual_preprocess(encoder: str) -> str | None:
    """TF Hub's preprocessing module for an encoder with this handle, if any.

    Known are the names of TF Hub (`bert_en_uncased_L-4_H-128_A-2`), on any server; the module of
    the same language and case is next to them.
    """
    found = _BERT.fullmatch(encoder)
    if found is None:
        return None
    return f"{found['publisher']}/bert_{found['language']}{found['case'] or ''}_preprocess/3"


def _is_handle(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _export(checkpoint: str, out: Path, seq_length: int | None, **options: Any) -> None:
    from nightloom.encoders.checkpoints import fetch_checkpoint
    from nightloom.tfhub.export import export_hub

    directory = Path(checkpoint).expanduser()
    if directory.is_dir() and not (directory / "config.json").is_file():
        raise InputError(
            f"expected a SavedModel (saved_model.pb) or a checkpoint (config.json) in {directory}, "
            "found neither"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".checkpoint-") as scratch:
        fetch_checkpoint(checkpoint, out=Path(scratch), **options)
        export_hub(Path(scratch), out, seq_length=seq_length)


def _bring(source: str, target: Path, *, offline: bool, cache: Path | None, report: Report) -> None:
    if not _is_handle(source):
        directory = Path(source).expanduser()
        if not directory.is_dir():
            raise InputError(
                f"expected an https:// handle or a SavedModel directory as {target.name}, got "
                f"{source!r}"
            )
        check_operations(directory)
        copy_saved_model(directory, target)
        return
    directory = resolve_handle(source, cache=cache, offline=offline, report=report)
    try:
        check_operations(directory)
    except InputError as error:
        raise InputError(f"{error}; to download it again, remove {directory}") from error
    copy_saved_model(directory, target)


def copy_saved_model(source: Path, target: Path) -> None:
    """Copy only what belongs to a SavedModel; `target` must not exist."""
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

    from nightloom.tfhub.layer import load_saved_model

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
            f"the SavedModel {where} does not accept the inputs of a TF Hub BERT module: {reason}"
        ) from error


def _expect(found: Any, names: tuple[str, ...], where: Path) -> None:
    if not isinstance(found, Mapping) or not set(names) <= set(found):
        got = ", ".join(sorted(found)) if isinstance(found, Mapping) else type(found).__name__
        raise InputError(f"expected {where} to return {', '.join(names)}, got {got}")
