"""Whether two TF Hub modules are a pair that models can be made of, found by calling them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.errors import InputError, NightloomError

LONGEST = 512
"""The longest text that can be asked for, in pieces."""
INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
OUTPUTS = ("pooled_output", "sequence_output")


@dataclass(frozen=True)
class HubPair:
    """The folders of the two modules, and what calling them showed."""

    encoder: Path
    preprocess: Path
    seq_length: int  # columns of what the preprocessing module gives for a text
    hidden_size: int
    trains: bool = True  # whether the encoder has weights that can be trained
    positions: int | None = None  # the longest row that it takes, if that is below LONGEST


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
