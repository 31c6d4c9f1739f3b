"""Python 3.12 and 3.13: that the constraints hold, that the code is theirs, and the long way round.

`python -m tests --long pythons` installs nightloom under each and runs the main job.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.pythons import OTHERS, interpreter

ROOT = Path(__file__).resolve().parent.parent
RUN = ("run", "classify-transformer", "data.source=sample", "--json")
PATCHES = (0, 9)
"""The first patch release of a Python, which systems ship for years, and one that is old by now."""
CODE = ("src", "flows", "tasks", "deployments")

CHECKED = """\
import ast, importlib, json, sys, warnings
from pathlib import Path

warnings.simplefilter("error", SyntaxWarning)
theirs = set(json.loads(sys.argv[1]))
for path in map(Path, sys.argv[2:]):
    tree = compile(path.read_bytes(), str(path), "exec", flags=ast.PyCF_ONLY_AST)
    compile(tree, str(path), "exec")
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in names:
            if name.partition(".")[0] in theirs:
                module = importlib.import_module(name)
                if isinstance(node, ast.ImportFrom):
                    for one in node.names:
                        if not hasattr(module, one.name):
                            importlib.import_module(f"{name}.{one.name}")
"""
"""Compiles every file and imports what it takes from the standard library, by that Python."""


@pytest.fixture(params=OTHERS)
def python(request: pytest.FixtureRequest) -> Path:
    found = interpreter(request.param)
    if found is None:
        pytest.skip(f"python{request.param} is neither on the path nor pyenv's")
    return found


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    named = [line.split("==") for line in lines if "==" in line]
    return {canonicalize_name(name): Version(version) for name, version in named}


def lacking(version: str, python: str) -> list[str]:
    """What nightloom and all below it ask for under a Python that the constraints do not give.

    `version` has two numbers, `python` three.
    """
    there = {canonicalize_name(one.metadata["Name"]): one for one in distributions()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {**project["optional-dependencies"], "gpu": []}  # tensorflow bounds NVIDIA's packages
    pinned, wrong, seen = pins(), [], {("nightloom", "")}
    waiting = [("nightloom", "with its extras")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name not in there:
            continue
        seen.add((name, extra))
        asks: list[str] = there[name].requires or []
        pythons = there[name].metadata.get("Requires-Python") or ""
        if name == "nightloom":  # as the file says, not as it was when it was installed
            asks = project["dependencies"] + list(chain(*extras.values()))
            pythons = project["requires-python"]
        if not SpecifierSet(pythons).contains(python):
            wrong.append(f"{name} {there[name].version} is for Python {pythons}")
        for line in asks:
            asked = Requirement(line)
            under = {"python_version": version, "python_full_version": python}
            if asked.marker and not asked.marker.evaluate({**under, "extra": extra}):
                continue
            wanted = canonicalize_name(asked.name)
            if wanted not in pinned and wanted not in UNPINNED:
                wrong.append(f"{name} asks for {line}, which constraints.txt does not have")
            elif wanted in pinned and not asked.specifier.contains(
                pinned[wanted], prereleases=True
            ):
                wrong.append(f"{name} asks for {line}, pinned is {pinned[wanted]}")
            waiting += [(wanted, extra) for extra in ("", *asked.extras)]
    assert len(seen) > 150, "the tree was walked"
    return wrong


UNPINNED = {"nightloom", "wheel"}
"""`wheel` is asked for by astunparse, any version."""


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("version", ["3.11", *OTHERS])
def test_the_constraints_give_what_every_package_asks_for(version, patch):
    assert lacking(version, f"{version}.{patch}") == []


def test_every_file_is_code_of_this_python_and_finds_what_it_imports_of_it(python):
    files = [str(path) for room in CODE for path in (ROOT / room).rglob("*.py")]
    assert len(files) > 200
    theirs = json.dumps(sorted(sys.stdlib_module_names - {"__main__"}))
    done = subprocess.run(
        [python, "-I", "-c", CHECKED, theirs, *files], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_metadata_names_these_pythons():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    [allowed] = re.findall(r'requires-python = "(.*)"', text)
    named = re.findall(r"Python :: (3\.\d+)", text)
    assert named == [
        one for one in (f"3.{n}" for n in range(9, 20)) if one in SpecifierSet(allowed)
    ]
    assert named == ["3.11", *OTHERS]


@pytest.mark.long("pythons")
def test_the_main_job_and_its_cached_rerun(python, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["NIGHTLOOM_HOME"] = str(tmp_path / "home")

    def call(*command: object) -> str:
        done = subprocess.run(
            [str(one) for one in command], env=environment, cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        return done.stdout

    call(python, "-m", "venv", "venv")
    programs = tmp_path / "venv" / "bin"
    constraints = ROOT / "constraints.txt"
    call(programs / "pip", "install", "--quiet", "--constraint", constraints, ROOT)
    call(programs / "python", "-c", IMPORTED)
    built = json.loads(call(programs / "nightloom", *RUN))
    again = json.loads(call(programs / "nightloom", *RUN))
    assert {one["state"] for one in built["stages"]} == {"built"}
    assert {one["state"] for one in again["stages"]} == {"hit"}
    assert again["model"] == built["model"]


IMPORTED = """\
import importlib, pkgutil, nightloom
import nightloom.tasks, prefect.server.api.server  # some rooms wait for Prefect's
for one in pkgutil.walk_packages(nightloom.__path__, "nightloom."):
    if not one.name.endswith("__main__"):
        importlib.import_module(one.name)
"""
