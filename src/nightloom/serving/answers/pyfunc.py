"""The version as MLflow's `python_function`: frames in, frames out."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas
from mlflow.exceptions import MlflowException

from .classes import ClassPredictor
from .entities import EntityPredictor
from .loading import open_predictor
from .texts import WrongInput, texts_of

DESCRIPTION = "answers.json"
"""File next to the SavedModel that names the training rows' text columns."""
BATCH = 64


class Answers:
    """The object behind `mlflow.pyfunc.load_model`."""

    def __init__(self, predictor: ClassPredictor | EntityPredictor, columns: Sequence[str]) -> None:
        self._predictor = predictor
        self._columns = columns
        # two concurrent runs of one graph can fail in TensorFlow's optimiser
        self._one_at_a_time = threading.Lock()

    def predict(self, data: Any) -> pandas.DataFrame:
        """The answers of `nightloom predict`, one row each, with the index of `data`.

        Raises:
            MlflowException: The input is invalid; one line says why.
        """
        try:
            texts, index = texts_of(data, self._columns)
        except WrongInput as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        with self._one_at_a_time:
            answers = list(self._predictor.predict(texts, batch_size=BATCH))
        return self._predictor.frame(answers, index)


def _load_pyfunc(path: str) -> Answers:
    """MLflow's entry point: `path` is the folder of the version's files."""
    folder = Path(path)
    described = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    return Answers(open_predictor(folder), described["columns"])
