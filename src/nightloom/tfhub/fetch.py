"""A pair of TF Hub modules, by handle or from disk, checked and copied into one folder."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.downloads.words import cleaned
from nightloom.encoders.hugging_face_hub import REPOSITORY
from nightloom.encoders.minilm import MINILM
from nightloom.errors import InputError, NightloomError
from nightloom.progress import SILENT, Report
from nightloom.tfhub.download import is_offline, resolve_handle
from nightloom.tfhub.operations import check_operations

ENCODER = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-4_H-128_A-2/1"
_BERT = re.compile(
    r"(?P<publisher>https?://.+/tensorflow)/(small_bert/)?"
    r"bert_(?P<language>en|zh|multi)(_wwm)?(?P<case>_cased|_uncased)?_L-\d+_H-\d+_A-\d+/\d+"
)

LONGEST = 512
"""The longest text that can be asked for, in pieces."""
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
    trains: bool = True  # whether the encoder has weights that can be trained
    positions: int | None = None  # the longest row that it takes, if that is below LONGEST


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


def check_pair(encoder: Path, preprocess: Path) -> HubPair:
    """Run two texts through both modules, and one of them alone, in a narrower row.

    Raises:
        InputError: inputs or outputs other than those of a BERT pair on TF Hub, rows of one width
            or one number alone, outputs that are not finite, or a vocabulary that the encoder has
            no vectors for.
    """
    import tensorflow as tf

    from nightloom.tfhub.layer import SavedModelLayer, load_saved_model, taken_by

    with tf.device("/CPU:0"):  # where an index beyond a table is an error
        module = load_saved_model(preprocess)
        inputs = _call(module, tf.constant(["a text", ""]), preprocess, taken_by(module))
        _expect(inputs, INPUTS, preprocess)
        layer = SavedModelLayer(encoder, name="module")
        given = {name: inputs[name] for name in INPUTS}
        outputs = _call(layer.call, given, encoder, layer.takes, ids_of=preprocess)
        _expect(outputs, OUTPUTS, encoder)
        width = _check_outputs(outputs, given, encoder)
        one = {name: value[:1] for name, value in given.items()}
        if not _takes(layer, one, max(3, width // 2)):
            raise InputError(
                f"expected the encoder {encoder} to take any number of rows of any width, as those "
                f"of TF Hub do; it takes {layer.takes}"
            )
        last = _last_piece(preprocess)
        ids = one["input_word_ids"]
        if last and not _takes(layer, {**one, "input_word_ids": tf.zeros_like(ids) + last}, width):
            raise InputError(
                f"the vocabulary of {preprocess} has {last + 1:,} pieces, and {encoder} no vector "
                "for the last one; give the preprocessing module that it was trained with"
            )
        return HubPair(
            encoder,
            preprocess,
            seq_length=width,
            hidden_size=int(outputs["sequence_output"].shape[2]),
            trains=bool(layer.trainable_weights),
            positions=_positions(layer, one, width),
        )


def _takes(layer: Any, row: Mapping[str, Any], width: int) -> bool:
    """Whether the encoder answers a row of this width, for which it is cut or padded."""
    import tensorflow as tf

    def fitted(value: Any) -> Any:
        more = max(0, width - int(value.shape[1]))
        return tf.concat([value[:, :width], tf.repeat(value[:, -1:], more, axis=1)], axis=1)

    try:
        layer.call({name: fitted(value) for name, value in row.items()})
    except Exception:  # a module may raise anything
        return False
    return True


def _positions(layer: Any, row: Mapping[str, Any], width: int) -> int | None:
    """The widest row that the encoder answers; None: any of the widths that can be set."""
    least, most = width, LONGEST + 1
    if _takes(layer, row, LONGEST):
        return None
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if _takes(layer, row, middle) else (least, middle)
    return least


def _check_outputs(outputs: Mapping[str, Any], inputs: Mapping[str, Any], encoder: Path) -> int:
    """See that they are numbers for each token and text; the width of a row."""
    import numpy as np

    vectors, pooled = outputs["sequence_output"], outputs["pooled_output"]
    rows, width = (int(axis) for axis in inputs["input_word_ids"].shape)
    shape = vectors.shape
    if shape.rank != 3 or shape[:2] != (rows, width) or pooled.shape != (rows, shape[2]):
        raise InputError(
            f"expected sequence_output [rows, {width}, hidden] and pooled_output [rows, hidden] "
            f"from {encoder}, got {shape} and {pooled.shape}"
        )
    if not (shape[2] and vectors.dtype.is_floating and pooled.dtype.is_floating):
        raise InputError(
            f"expected floating-point vectors from {encoder}, got {vectors.dtype.name} "
            f"{shape} and {pooled.dtype.name} {pooled.shape}"
        )
    here = np.asarray(inputs["input_mask"]) > 0
    for values in (np.asarray(vectors, np.float64)[here], np.asarray(pooled, np.float64)):
        if not np.isfinite(values).all():
            raise InputError(
                f"expected finite vectors from {encoder}, got nan or infinity for the text "
                "'a text'; its weights are damaged, or its training failed: give another"
            )
    return width


def _last_piece(preprocess: Path) -> int | None:
    """The highest id of a vocabulary that lies in a file of the module, if there is just one."""
    files = list((preprocess / "assets").glob("*.txt"))
    if len(files) != 1:
        return None
    with files[0].open("rb") as lines:
        return sum(1 for _ in lines) - 1


def _call(module: Any, inputs: Any, where: Path, takes: str, *, ids_of: Path | None = None) -> Any:
    import tensorflow as tf

    from nightloom.tfhub.layer import reason_of

    try:
        return module(inputs)
    except NightloomError:
        raise
    except tf.errors.OpError as error:
        hint = f"; is it the encoder of {ids_of}?" if ids_of else ""
        raise InputError(f"the SavedModel {where} fails: {reason_of(error)}{hint}") from error
    except Exception as error:
        wanted = ", ".join(INPUTS) if ids_of else "strings"
        raise InputError(
            f"the SavedModel {where} does not accept the inputs of a TF Hub BERT module "
            f"({wanted}); it takes {takes}"
        ) from error


def _expect(found: Any, names: tuple[str, ...], where: Path) -> None:
    if not isinstance(found, Mapping) or not set(names) <= set(found):
        got = ", ".join(sorted(found)) if isinstance(found, Mapping) else type(found).__name__
        raise InputError(f"expected {where} to return {', '.join(names)}, got {got}")
