"""Describing a SavedModel to MLflow, so that `mlflow.pyfunc.load_model` and `mlflow models serve`
take it: signature, input example, requirements. Nothing here is a pickle.

MLflow's own `mlflow.tensorflow.save_model` wants a live Keras model or module and would save it
again. A directory that is already a SavedModel is described instead, by its serving signature
(`model_type: tf1-estimator` is what MLflow calls that), so it is loaded without any Python class.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

SAVED_MODEL = "saved_model"
LOADER = "load_with_ops"


@dataclass(frozen=True)
class Field:
    """One input or output of the serving signature.

    name: as in the signature; dtype: `string` or a numpy dtype; shape: without the batch's -1, so
    `()` is one value a row.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelCard:
    """What MLflow has to know of a SavedModel.

    inputs, outputs: of its signature `serving_default`; example: rows of input values, one value
    for each input; needs: modules to import before it can be loaded, as `tensorflow_text`, which
    carry ops of the graph.
    """

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    example: tuple[tuple[Any, ...], ...]
    needs: tuple[str, ...] = ()


def describe(
    folder: Path, *, card: ModelCard, run_id: str, model_id: str, model_uri: str, size: int
) -> None:
    """Write `MLmodel` and the small files that it names into a folder, for a SavedModel beside it.

    size: bytes of the whole model.
    """
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature

    names = [field.name for field in card.inputs]
    split = {"columns": names, "data": [list(row) for row in card.example]}
    _write_json(folder / "input_example.json", split)
    _write_json(folder / "serving_input_example.json", {"dataframe_split": split})
    _write_requirements(folder, card.needs)
    code = None
    if card.needs:
        code = "code"
        _write_loader(folder / code, card.needs)
    model = Model(
        artifact_path=model_uri,
        run_id=run_id,
        model_id=model_id,
        model_uuid=model_id.removeprefix("m-"),
        model_size_bytes=size,
        signature=ModelSignature(inputs=_columns(card.inputs), outputs=_tensors(card.outputs)),
        saved_input_example_info={
            "artifact_path": "input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
        },
    )
    model.add_flavor(
        "tensorflow",
        saved_model_dir=SAVED_MODEL,
        model_type="tf1-estimator",
        meta_graph_tags=["serve"],
        signature_def_key="serving_default",
        code=code,
    )
    pyfunc.add_to_model(
        model,
        loader_module=LOADER if code else "mlflow.tensorflow",
        python_env="python_env.yaml",
        code=code,
    )
    model.save(str(folder / "MLmodel"))


def _columns(fields: Sequence[Field]) -> Any:
    from mlflow.types import ColSpec, DataType, Schema

    types = {
        "string": DataType.string,
        "int32": DataType.integer,
        "int64": DataType.long,
        "float32": DataType.float,
    }
    return Schema([ColSpec(types[field.dtype], field.name) for field in fields])


def _tensors(fields: Sequence[Field]) -> Any:
    import numpy
    from mlflow.types import Schema, TensorSpec

    return Schema(
        [
            TensorSpec(
                numpy.dtype(str if field.dtype == "string" else field.dtype),
                (-1, *field.shape),
                field.name,
            )
            for field in fields
        ]
    )


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _write_requirements(folder: Path, needs: Sequence[str]) -> None:
    packages = ["mlflow", "tensorflow", *(name.replace("_", "-") for name in needs)]
    lines = [f"{name}=={version(name)}" for name in packages]
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "python_env.yaml").write_text(
        f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n",
        encoding="utf-8",
    )


def _write_loader(folder: Path, needs: Sequence[str]) -> None:
    folder.mkdir()
    imports = "".join(f"import {name}  # noqa: F401\n" for name in needs)
    (folder / f"{LOADER}.py").write_text(
        '"""Registers the ops that the SavedModel uses, then loads it as MLflow does."""\n\n'
        f"{imports}from mlflow.tensorflow import _load_pyfunc  # noqa: F401\n",
        encoding="utf-8",
    )
