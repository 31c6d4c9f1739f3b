"""No name of a test depends on chance, and the long forms are run when asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import naming

CHANGING = {
    "second": "import time; VALUES = [str(int(time.time()))]",
    "process": "import os; VALUES = [f'p{os.getpid()}']",
    "hash order": "VALUES = list({'one', 'two', 'three', 'four', 'five', 'six'})",
    "folder": "import tempfile; VALUES = [tempfile.gettempdir()]",
    "chance": "import random; VALUES = [random.random()]",
}


@pytest.mark.parametrize("source", CHANGING.values(), ids=CHANGING.keys())
def test_names_that_change_are_found(source: str, tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(
        f"import pytest\n{source}\n"
        "@pytest.mark.parametrize('value', VALUES)\ndef test_it(value): ...\n"
    )
    found = naming.differences([str(test)])
    assert found
    assert "test_it[" in found[0] and "then: " in found[0]


def test_names_that_stay_are_no_difference(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text("def test_one(): ...\ndef test_two(): ...\n")
    assert naming.differences([str(test)]) == []
    assert naming.compare(["a"], ["a", "b"]) == ["  test 2: nothing\n     then: b"]


@pytest.mark.parametrize("kind", ["bytes", "path", "set", "home", "object"])
def test_values_that_pytest_would_name_by_what_may_change_are_refused(
    kind: str, tmp_path: Path
) -> None:
    value = {
        "bytes": b"x",
        "path": tmp_path,
        "set": {"a"},
        "home": str(Path.home() / "x"),
        "object": repr(object()),
    }[kind]
    with pytest.raises(ValueError, match="name it, as in"):
        naming.check_value(value, argument="value")
    naming.check_value("relative/path", argument="value")


LONG = """
import pytest

@pytest.mark.long("drills")
def test_drill(): ...

@pytest.mark.long("settings", short=True)
def test_settings(): ...

def test_other(): ...
"""
HOOKS = """
from tests.long_forms import add_option as pytest_addoption
from tests.long_forms import select as pytest_collection_modifyitems
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "2 passed, 1 skipped"),
        (["--long"], "2 passed, 1 deselected"),
        (["--long", "drills"], "1 passed, 2 deselected"),
        (["--long=settings"], "1 passed, 2 deselected"),
        (["--long=no"], "--long no: no long test is called so; there are drills, settings"),
    ],
    ids=["short", "all", "one", "one with a short form", "unknown"],
)
def test_long_forms_run_when_asked_for(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    long: x\n")
    (tmp_path / "conftest.py").write_text(HOOKS)
    (tmp_path / "test_it.py").write_text(LONG)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(naming.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in done.stdout + done.stderr
