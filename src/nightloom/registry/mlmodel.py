"""Describing an exported model to MLflow, so that `mlflow.pyfunc.load_model` and `mlflow models
serve` answer as `nightloom predict` does: code that answers, signature, example, requirements.
Nothing here is a pickle.

`python_function` loads the code that lies in the version (`serving.answers`). The flavor
`tensorflow` gives the SavedModel's own serving signature: a directory that is a SavedModel already
is described by that (`model_type: tf1-estimator` is what MLflow calls it).
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nightloom.serving.shipping import CODE, ship

SAVED_MODEL = "saved_model"
TEXT = "text"
ENTITIES = "entities"
"""Type of a column whose cells are lists of entities."""


@dataclass(frozen=True)
class Field:
    """A column of answers; dtype: `string`, `float64` or `entities`."""

    name: str
    dtype: str


@dataclass(frozen=True)
class ModelCard:
    """What MLflow has to know of an exported model.

    columns: the text columns of its training rows; outputs: the columns of its answers; example:
    texts; needs: what is imported to load it beside TensorFlow, as `tensorflow_text`.
    """

    columns: tuple[str, ...]
    outputs: tuple[Field, ...]
    example: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """All columns that it takes: those of training, and `text` for their joined texts."""
        return tuple(dict.fromkeys((*self.columns, TEXT)))


def describe(
    folder: Path, *, card: ModelCard, run_id: str, model_id: str, model_uri: str, size: int
) -> None:
    """Write `MLmodel` and the small files that it names into a folder, for a SavedModel beside it.

    size: bytes of the whole model.
    """
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature

    name = card.columns[0] if len(card.columns) == 1 else TEXT
    split = {"columns": [name], "data": [[text] for text in card.example]}
    _write_json(folder / "input_example.json", split)
    _write_json(folder / "serving_input_example.json", {"dataframe_split": split})
    _write_requirements(folder, card.needs)
    model = Model(
        artifact_path=model_uri,
        run_id=run_id,
        model_id=model_id,
        model_uuid=model_id.removeprefix("m-"),
        model_size_bytes=size,
        signature=ModelSignature(inputs=_inputs(card), outputs=_outputs(card.outputs)),
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
        code=None,
    )
    pyfunc.add_to_model(
        model,
        loader_module=ship(folder, columns=card.columns),
        python_env="python_env.yaml",
        code=CODE,
    )
    model.save(str(folder / "MLmodel"))


def _inputs(card: ModelCard) -> Any:
    """Columns of any type, none needed: the code of the version says what is wrong, in one line.

    MLflow itself would refuse a categorical column, and answer for the text "None" where an
    element of `inputs` is null.
    """
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    kind = AnyType()  # type: ignore[no-untyped-call]
    return Schema([ColSpec(kind, name, required=False) for name in card.inputs])


def _outputs(fields: Sequence[Field]) -> Any:
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Object, Property

    parts = {"entity_group": "string", "score": "double", "word": "string"}
    parts |= {"start": "long", "end": "long"}
    entity = Object([Property(name, DataType[kind]) for name, kind in parts.items()])
    types: dict[str, Any] = {
        "string": DataType.string,
        "float64": DataType.double,
        ENTITIES: Array(entity),
    }
    return Schema([ColSpec(types[field.dtype], field.name) for field in fields])


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _write_requirements(folder: Path, needs: Sequence[str]) -> None:
    needed = (name.replace("_", "-") for name in needs)
    packages = ["mlflow", "numpy", "pandas", "tensorflow", *needed]
    lines = [f"{name}=={version(name)}" for name in packages]
    (folder / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "python_env.yaml").write_text(
        f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n",
        encoding="utf-8",
    )
