import ast
import threading
import time
from pathlib import Path

import pytest

from nightloom.cache import project as module
from nightloom.cache.fingerprint import fingerprint
from nightloom.cache.parsing import parse as parse_safely
from tests.plugins.packages import put


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A package of three modules in the place of nightloom's own."""
    root = tmp_path / "nightloom"
    root.mkdir()
    monkeypatch.setattr(module, "ROOT", root)
    write(root, "__init__.py", "")
    write(root, "top.py", "import numpy\nfrom nightloom.middle import work\n")
    write(root, "middle.py", "def work():\n    from nightloom import deep\n    return deep.X\n")
    write(root, "deep.py", '"""Text."""\nX = 1\n')
    return root


def write(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text)


def test_imports_are_followed_also_inside_functions(project):
    found = fingerprint(["nightloom.top"])
    assert set(found.modules) >= {"nightloom.top", "nightloom.middle", "nightloom.deep"}
    assert set(found.libraries) == {"numpy"}


@pytest.mark.parametrize(
    "text",
    ['"""Another text."""\nX = 1\n', "# why\nX = 1  # because\n", "\n\nX   =   1\n", "X = 1"],
)
def test_comments_docstrings_and_layout_do_not_count(project, text):
    before = fingerprint(["nightloom.top"])
    write(project, "deep.py", text + "\n")
    assert fingerprint(["nightloom.top"]) == before


def test_code_far_down_counts(project):
    before = fingerprint(["nightloom.top"])
    write(project, "deep.py", '"""Text."""\nX = 2\n')
    after = fingerprint(["nightloom.top"])
    changed = [name for name in after.modules if after.modules[name] != before.modules[name]]
    assert changed == ["nightloom.deep"]


def test_a_module_that_nothing_imports_does_not_count(project):
    before = fingerprint(["nightloom.top"])
    write(project, "other.py", "X = 1\n")
    assert fingerprint(["nightloom.top"]) == before


def test_a_root_that_does_not_exist_is_an_error():
    with pytest.raises(ModuleNotFoundError, match="no_such"):
        fingerprint(["nightloom.no_such"])


class Garbage:
    """In a cycle; collected in the middle of something, it lets other threads go on."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        time.sleep(0.0001)


def test_other_threads_may_parse_at_the_same_time():
    """As pydantic does where classes are made; CPython 3.11 then fails in one of them."""
    source = "\n".join(f"def f{n}(a, b={n}): return [a + b, (a, {{b: a}})]" for n in range(100))
    over, failures = threading.Event(), []

    def parse() -> None:
        while not over.is_set():
            Garbage()
            try:
                ast.parse(source)
            except SystemError as error:
                failures.append(error)

    threads = [threading.Thread(target=parse) for _ in range(2)]
    for thread in threads:
        thread.start()
    trees = []
    try:
        while len(trees) < 30 or (not failures and len(trees) < 200):
            Garbage()
            trees.append(parse_safely(source.encode(), "some.py"))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert {len(tree.body) for tree in trees} == {100}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A package that adds a family, with a module beside it of its own distribution."""
    files = {
        "keys_toy/__init__.py": "",
        "keys_toy/family.py": "from keys_toy_beside import help\ndef create(): return help()\n",
        "keys_toy_beside.py": "from nightloom.errors import InputError\ndef help(): InputError\n",
    }
    points = {"nightloom.families": {"toy": "keys_toy.family:TOY"}}
    folder = put(tmp_path / "site", "keys-toy", files, points)
    (folder / "keys_toy-1.0.dist-info" / "top_level.txt").write_text("keys_toy\nkeys_toy_beside\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_modules_of_a_package_that_adds_something_are_project_code(plugin):
    found = fingerprint(["keys_toy.family:create"])
    covered = {"keys_toy.family:create", "keys_toy_beside:help", "nightloom.errors:InputError"}
    assert covered <= found.definitions
    before = found.modules["keys_toy_beside"]
    (plugin / "keys_toy_beside.py").write_text("def help(): return 2\n")
    assert fingerprint(["keys_toy.family:create"]).modules["keys_toy_beside"] != before
