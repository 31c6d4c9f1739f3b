"""A flow from its settings to an answer of the registered model, in this process.

The flows, the stages, their builders, the cache and MLflow are the real ones. Left out are
Prefect's server and the process that stages are built in: TensorFlow starts once for all runs.
"""

import dataclasses
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from unittest import mock

from pydantic import BaseModel

from nightloom.cache.artifact import Artifact
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.records import ENTITIES
from nightloom.settings.flows import FlowSettings
from nightloom.settings.parse import parse_settings
from nightloom.tasks.runtime.engine import Engine
from tests.every_setting.array import Row

Kind = TypeVar("Kind", bound=BaseModel)
TEXTS = ["the red apple fell on the mat", ""]


@dataclass
class Finished:
    """What a task's state tells its stage."""

    artifact: Artifact
    name = "Completed"

    def is_completed(self) -> bool:
        return True

    def result(self) -> Artifact:
        return self.artifact


class Here(Engine):
    """An engine that builds in this process, without a server."""

    def call(self, order: Any) -> Finished:  # type: ignore[override]
        from nightloom.tasks.runtime.build import build

        return Finished(
            build(dataclasses.replace(order.call, limit=None, lease=None), order.inputs)
        )


class WorkerHere:
    """The child that builds stages, without the child."""

    built: ClassVar[list[str]] = []
    """Stages whose building has begun, in the last run."""
    usage = None

    def __init__(self, logs: Path, **how_it_is_started: Any) -> None:
        pass

    def build(self, builder: str, context: Any, *, report: Any, limits: Any) -> Any:
        from nightloom.context import Built
        from nightloom.worker.__main__ import _build

        self.built.append(context.stage)
        before = tempfile.tempdir
        try:
            made = _build({"builder": builder, "context": context.to_json()}, report)
        finally:
            tempfile.tempdir = before
        return Built(made["facts"], frozenset(made["volatile"]))

    def close(self) -> None:
        pass


@contextmanager
def in_this_process() -> Iterator[None]:
    """Inside, flows run here."""
    from nightloom.tasks.runtime import run, stage

    here = Here()
    with ExitStack() as patched:
        patched.enter_context(mock.patch.object(stage, "engine", return_value=here))
        patched.enter_context(mock.patch.object(stage, "LOCAL", here))
        patched.enter_context(mock.patch.object(run, "Worker", WorkerHere))
        yield


def parse(kind: type[Kind], row: Row) -> Kind:
    """Settings as a command line gives them.

    Raises:
        InputError: They are refused.
    """
    return parse_settings(kind, [f"{name}={value}" for name, value in row.items()])


def run_to_an_answer(flow: Any, settings: FlowSettings) -> None:
    """Run the flow and ask the registered model.

    Raises:
        InputError: The settings are refused.
        AssertionError: No right answer.
    """
    _forget_determinism()
    WorkerHere.built.clear()
    try:
        report: Mapping[str, Any] = flow.fn(settings)
    except InputError as error:
        if "train" in WorkerHere.built:
            raise RuntimeError(f"refused only after the training began: {error}") from error
        raise
    ask(report["model"], settings)


def ask(model: Mapping[str, Any], settings: FlowSettings) -> None:
    """Ask a model that a run registered.

    Raises:
        AssertionError: No right answer.
    """
    from nightloom.registry.aliases import read_version
    from nightloom.registry.files.fetching import model_files
    from nightloom.serving.predictor import load_predictor

    home = Home.current()
    entry = read_version(home.tracking_uri, model["name"], model["version"])
    assert entry is not None, f"no version {model['version']} of {model['name']}"
    answers = list(load_predictor(model_files(home, entry)).predict(TEXTS, batch_size=2))
    assert [answer["text"] for answer in answers] == TEXTS, answers
    for answer in answers:
        _check(answer, settings)


def _check(answer: Mapping[str, Any], settings: FlowSettings) -> None:
    if settings.task is ENTITIES:
        assert all(0 <= entity["score"] <= 1 for entity in answer["entities"]), answer
        return
    probabilities = answer["probabilities"]
    assert answer["label"] in probabilities, answer
    assert math.isclose(sum(probabilities.values()), 1, abs_tol=1e-3), answer


def _forget_determinism() -> None:
    """A process of its own would start without it."""
    from tensorflow.python.framework import config

    config.disable_op_determinism()
