"""The kept result of an own step: its key, by the rules of nightloom's stages, and its files."""

import glob
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from nightloom.cache import project
from nightloom.cache.canonical import digest_of_file
from nightloom.cache.fingerprint import Fingerprint, fingerprint
from nightloom.cache.key import StageKey
from nightloom.errors import InputError, RunError
from nightloom.own.code import Code
from nightloom.settings.steps import OwnStep
from nightloom.stages.declaration import SAID

PREFIX = "step-"
"""Begins the names of their artifacts, so that they are no stage's."""
RETURNED, WRITTEN = "returned", "written"
"""Facts of an artifact: what the step returned; the digest of each file it wrote, by path."""


def key_of(step: OwnStep, code: Code, given: Mapping[str, Any]) -> StageKey:
    """The key of a step's result: what it is given, the files it reads, its code.

    Raises:
        InputError: An input is missing, or the code changed after this process had read it.
    """
    return StageKey.of(
        stage=PREFIX + step.title,
        variant=step.run.rpartition(":")[2],
        settings=dict(plain(given, step.run)),
        inputs={},
        fingerprint=_code(step, code),
        python=platform.python_version().rpartition(".")[0],
        external={"inputs": read_by(step.inputs or (), step.run), "outputs": list(step.outputs)},
    )


def read_by(patterns: Iterable[str], run: str) -> dict[str, str]:
    """The digest of each file that is read, by path.

    Raises:
        InputError: A pattern matches nothing.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        where = Path(pattern).expanduser()
        matches = [str(where)] if where.exists() else sorted(glob.glob(str(where), recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
        if not matches:
            raise InputError(f"{run}: inputs={pattern}: no such file or folder")
        for path in map(Path, matches):
            below = sorted(path.rglob("*")) if path.is_dir() else [path]
            found |= {str(one): digest_of_file(one) for one in below if one.is_file()}
    return found


def written_by(step: OwnStep) -> dict[str, str]:
    """The digest of each file that a step said it would write, by path.

    Raises:
        RunError: One is missing.
    """
    paths = {path: Path(path).expanduser() for path in step.outputs}
    for path, where in paths.items():
        if not where.is_file():
            raise RunError(f"expected {path} to be written (it is one of outputs), it is not there")
    return {path: digest_of_file(where) for path, where in paths.items()}


def gone_since(facts: Mapping[str, Any]) -> str:
    """What became of a file that a step once wrote; '' if all are as they were."""
    for path, digest in facts.get(WRITTEN, {}).items():
        where = Path(path).expanduser()
        if not where.is_file():
            return f"{path}, which it wrote, is gone"
        if digest_of_file(where) != digest:
            return f"{path}, which it wrote, was changed"
    return ""


def plain(value: Any, run: str) -> Any:
    """A value as plain JSON; a path as text.

    Raises:
        RunError: It is something else.
    """
    try:
        return to_jsonable_python(value, inf_nan_mode="constants")
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise RunError(
            f"{run}: expected it to return plain values (texts, numbers, lists, dicts, paths), got "
            f"others: {said}"
        ) from None


def _code(step: OwnStep, code: Code) -> Fingerprint:
    with project.also(code.modules):
        found = fingerprint([code.root], without=SAID)
        files = {name: project.file_of(name) for name in found.modules}
    for name, file in files.items():
        top = name.partition(".")[0]
        if top in code.modules and file and file.stat().st_mtime > code.read_at:
            raise InputError(
                f"{step.run}: {file} was changed after this process had read it; start it anew"
            )
    return found
