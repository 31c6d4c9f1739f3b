"""A pair of TF Hub modules, by handle or from disk, copied into one folder and checked."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nightloom.downloads.words import cleaned
from nightloom.encoders.hugging_face_hub import REPOSITORY
from nightloom.encoders.minilm import MINILM
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.tfhub.download import is_offline, resolve_handle
from nightloom.tfhub.operations import check_operations
from nightloom.tfhub.pair import HubPair, check_pair

ENCODER = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-4_H-128_A-2/1"
_BERT = re.compile(
    r"(?P<publisher>https?://.+/tensorflow)/(small_bert/)?"
    r"bert_(?P<language>en|zh|multi)(_wwm)?(?P<case>_cased|_uncased)?_L-\d+_H-\d+_A-\d+/\d+"
)


_PARTS = ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb")
_FOLDERS = ("variables", "assets", "assets.extra")


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
        _expect_checkpoint(encoder)
        if preprocess is not None:
            raise InputError(
                f"the encoder {encoder} is a checkpoint and brings its tokenizer; leave the "
                f"preprocessing module {preprocess} out"
            )
        options: dict[str, Any] = {"offline": offline, "report": report}
        if lowercase is not None:
            options["lowercase"] = lowercase
        _export(encoder, out, seq_length, **options)
        with _named({out / "encoder": encoder, out / "preprocess": encoder}):
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
    with _named({out / "encoder": cleaned(encoder), out / "preprocess": cleaned(preprocess)}):
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


def _expect_checkpoint(source: str) -> None:
    """Refuse what is neither a SavedModel nor can be a checkpoint."""
    path = Path(source).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(
                f"expected a SavedModel (saved_model.pb) or a checkpoint (config.json) in {path}, "
                "found neither"
            )
    elif path.is_file():
        raise InputError(
            f"expected a folder as encoder, got the file {source}; unpack an archive first, and "
            "give the folder that has saved_model.pb"
        )
    elif source != MINILM and not REPOSITORY.fullmatch(source):
        raise InputError(
            f"expected an https:// handle, a SavedModel directory or a checkpoint as encoder, got "
            f"{cleaned(source)!r}: there is no such directory"
        )


def _export(checkpoint: str, out: Path, seq_length: int | None, **options: Any) -> None:
    from nightloom.encoders.checkpoints import fetch_checkpoint
    from nightloom.tfhub.export import export_hub

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


@contextlib.contextmanager
def _named(sources: Mapping[Path, str]) -> Iterator[None]:
    """Make errors mention the modules as the user knows them, instead of the copies."""
    try:
        yield
    except InputError as error:
        message = str(error)
        for copy, source in sources.items():
            message = message.replace(str(copy), source)
        raise InputError(message) from None
