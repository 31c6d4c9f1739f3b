"""What is taken of the packages that add something, and what is said of the others."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from nightloom.plugins import EXPORTS, find, modules
from tests.plugins.packages import put

RECORD = "from tests.plugins.test_plugins import Thing\nTHING = Thing({name!r})\n"


@dataclass(frozen=True)
class Thing:
    """A record."""

    name: str


OURS = (Thing("ours"), Thing("other"))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a package with one record on the path."""

    def install(package: str, code: str, *, value: str = "") -> None:
        module = f"plugged_{package}_{tmp_path.name}".replace("-", "_")
        files = {f"{module}/__init__.py": "", f"{module}/things.py": code}
        points = {EXPORTS: {"thing": value or f"{module}.things:THING"}}
        monkeypatch.syspath_prepend(put(tmp_path / package, package, files, points))

    return install


def test_ours_come_first_and_then_those_of_packages(install):
    install("green", RECORD.format(name="green"))
    found = find(EXPORTS, Thing, OURS)
    assert list(found.records) == ["ours", "other", "green"]
    assert found.broken == () and found.told() == ""
    assert any(name.startswith("plugged_green") for name in modules())


@pytest.mark.parametrize(
    ("code", "value", "words"),
    [
        ("import no_such_module\n", "", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(1)\n", "", "SystemExit: 1"),
        ("THING = 'text'\n", "", "TypeError: expected a Thing, got a str"),
        ("", "", "has no attribute 'THING'"),
        ("", "nowhere_at_all:THING", "No module named 'nowhere_at_all'"),
        ("THING = 1\n", "nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("THING = 1\n(", "", "SyntaxError: "),
        (RECORD.format(name="ours"), "", "is called ours, a name of nightloom's own; rename"),
    ],
)
def test_a_broken_package_is_named_and_the_others_are_taken(install, code, value, words):
    install("red", code, value=value)
    install("green", RECORD.format(name="green"))
    found = find(EXPORTS, Thing, OURS)
    assert list(found.records) == ["ours", "other", "green"]
    [line] = found.broken
    assert words in line and "of package red" in line and "\n" not in line
    assert found.told() == f"; {line}"


def test_of_two_with_one_name_neither_is_taken(install):
    install("one", RECORD.format(name="same"))
    install("two", RECORD.format(name="same"))
    install("green", RECORD.format(name="green"))
    found = find(EXPORTS, Thing, OURS)
    assert list(found.records) == ["ours", "other", "green"]
    [line] = found.broken
    assert "package one" in line and "package two" in line and "are both called same" in line
