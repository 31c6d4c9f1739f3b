"""What counts of small made-up packages, one construct of Python each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nightloom.cache import project as project_module
from nightloom.cache.fingerprint import Fingerprint, fingerprint

Reach = Callable[..., Fingerprint]


@pytest.fixture
def reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reach:
    """The fingerprint of `nightloom.top:build` in a package of these modules."""
    root = tmp_path / "nightloom"
    root.mkdir()
    monkeypatch.setattr(project_module, "ROOT", root)

    def reach(**modules: str) -> Fingerprint:
        for name, text in {"__init__": "", **modules}.items():
            path = root / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return fingerprint(["nightloom.top:build"])

    return reach


OTHER = "def used(): return 1\ndef unused(): return 2\nclass Unused: pass\n"

FOLLOWED = {
    "from-import": ("from nightloom.other import used\ndef build(): used()\n", "used"),
    "under-another-name": ("from nightloom.other import used as f\ndef build(): f()\n", "used"),
    "relative": ("from .other import used\ndef build(): used()\n", "used"),
    "relative-module": ("from . import other\ndef build(): other.used()\n", "used"),
    "module-as": ("import nightloom.other as o\ndef build(): o.used()\n", "used"),
    "module-by-path": ("import nightloom.other\ndef build(): nightloom.other.used()\n", "used"),
    "in-a-function": (
        "def build():\n    from nightloom.other import used\n    used()\n",
        "used",
    ),
    "module-in-a-function": (
        'def build():\n    from nightloom import other\n    return [other.used() for _ in "a"]\n',
        "used",
    ),
    "in-a-method": (
        "class A:\n    def run(self):\n        import nightloom.other as o\n        o.used()\n"
        "def build(): A()\n",
        "used",
    ),
    "base": (
        "from nightloom import other\nclass A(other.used()): pass\ndef build(): A()\n",
        "used",
    ),
    "decorator": ("from nightloom.other import used\n@used\ndef build(): pass\n", "used"),
    "default": ("from nightloom.other import used\ndef build(a=used()): pass\n", "used"),
    "annotation": ("from nightloom.other import used\ndef build(a: used): pass\n", "used"),
    "annotation-in-quotes": (
        "from nightloom.other import used\ndef build(a: 'list[used] | None'): pass\n",
        "used",
    ),
    "local-annotation": (
        "from nightloom.other import used\ndef build():\n    a: used = 1\n",
        "used",
    ),
    "constant": ("from nightloom.other import used\nX = [used]\ndef build(): return X\n", "used"),
    "field-of-a-class": (
        "from nightloom import other\nclass A:\n    x: int = other.used()\ndef build(): A()\n",
        "used",
    ),
    "local-name-elsewhere": (
        "from nightloom.other import used\n"
        "def build():\n    def inner(used): return used\n    return used, inner\n",
        "used",
    ),
    "name-of-a-comprehension": (
        "from nightloom.other import used\ndef build():\n    [used for used in ()]\n    used()\n",
        "used",
    ),
    "name-in-a-class-body": (
        "from nightloom.other import used\n"
        "def build():\n    class A:\n        used = 1\n    return used, A\n",
        "used",
    ),
    "global": (
        "from nightloom.other import used\ndef build():\n    global used\n    used = used()\n",
        "used",
    ),
    "lambda": ("from nightloom.other import used\nbuild = lambda: used()\n", "used"),
    "conditional-import": (
        "try:\n    from nightloom.other import used\nexcept ImportError:\n    used = None\n"
        "def build(): used()\n",
        "used",
    ),
    "constant-getattr": (
        "from nightloom import other\ndef build(): getattr(other, 'used')()\n",
        "used",
    ),
    "text": ("def build(): return load('nightloom.other:used')\n", "used"),
    "text-with-dots": ("def build(): return load('nightloom.other.used')\n", "used"),
    "patched": (
        "import nightloom.other\nfrom nightloom.other import used\n"
        "nightloom.other.unused = used\ndef build(): pass\n",
        "used",
    ),
}


@pytest.mark.parametrize(("top", "name"), FOLLOWED.values(), ids=FOLLOWED)
def test_a_use_counts_wherever_it_stands(reach: Reach, top: str, name: str):
    found = reach(top=top, other=OTHER)
    assert f"nightloom.other:{name}" in found.definitions
    before = found.modules["nightloom.other"]
    after = reach(top=top, other=OTHER.replace("return 1", "return 10"))
    assert after.modules["nightloom.other"] != before


@pytest.mark.parametrize(
    "top",
    [text for name, (text, _) in FOLLOWED.items() if name not in ("constant-getattr", "patched")],
    ids=[name for name in FOLLOWED if name not in ("constant-getattr", "patched")],
)
def test_what_stands_beside_what_is_used_does_not_count(reach: Reach, top: str):
    before = reach(top=top, other=OTHER)
    after = reach(top=top, other=OTHER.replace("return 2", "return 20") + "Y = []\n")
    assert after == before


NOT_REACHED = {
    "type-checking": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from nightloom.other import used\ndef build(a: 'used'): pass\n"
    ),
    "typing.type-checking": (
        "import typing\nif typing.TYPE_CHECKING:\n    from nightloom.other import used\n"
        "def build(a: 'used'): pass\n"
    ),
    "an-argument-of-that-name": (
        "from nightloom.other import used\ndef build(used): return used()\n"
    ),
    "another-function": (
        "from nightloom.other import used\ndef build(): pass\ndef other(): used()\n"
    ),
    "an-import-alone": "from nightloom import other\ndef build(): pass\n",
}


@pytest.mark.parametrize("top", NOT_REACHED.values(), ids=NOT_REACHED)
def test_what_is_not_used_does_not_count(reach: Reach, top: str):
    assert "nightloom.other" not in reach(top=top, other=OTHER).modules


TOP = "from nightloom import other\ndef build(): return other.used()\n"

RUNS = {
    "a-list-that-is-added-to": "L = []\nL.append(1)\n",
    "a-table-that-is-filled": "T = {}\nT['a'] = 1\n",
    "a-loop": "for n in range(1): print(1)\n",
    "a-call": "print(1)\n",
    "a-call-with-a-result": "def note(a): return 1\n_ = note(1)\n",
    "a-decorator-that-notes": "def note(a): return a\n@note\ndef decorated(): return 1\n",
    "a-decorator-without-a-name": "T = [print]\n@T[0]\ndef decorated(): return 1\n",
    "a-decorator-of-a-library": "import keras\n@keras.saving.register()\nclass A:\n    x = 1\n",
    "a-class-that-is-noted": (
        "class Base:\n    def __init_subclass__(cls): pass\nclass A(Base):\n    x = 1\n"
    ),
    "a-class-with-a-metaclass": "class A(metaclass=type):\n    x = 1\n",
    "a-condition": "import sys\nif sys.argv:\n    print(1)\n",
    "a-table-that-a-call-fills": "T = {}\nC = T.setdefault('a', 1)\n",
    "an-object-that-may-note": "import re\nT = re.compile('a')\nC = T.get(1)\n",
    "a-call-in-a-condition": "def note(): return 1\nif note():\n    x = 1\n",
    "a-call-in-a-class-body": "class A:\n    print(1)\n",
}


@pytest.mark.parametrize("more", RUNS.values(), ids=RUNS)
def test_what_a_module_does_when_it_is_imported_counts(reach: Reach, more: str):
    """In the module that is used, and in one that is only imported."""
    one, changed = OTHER + more, OTHER + more.replace("1", "3").replace("[]", "[3]")
    assert reach(top=TOP, other=one) != reach(top=TOP, other=changed)
    top = "import nightloom.other\ndef build(): pass\n"
    assert reach(top=top, other=more) != reach(top=top, other=more.replace("1", "3"))


HARMLESS = {
    "a-constant": "C = 1\n",
    "a-dataclass": "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\n",
    "an-object-of-a-plain-class": "class A:\n    x = 1\nC = A()\n",
    "a-call-of-a-library": "import re\nC = re.compile('1')\n",
    "a-table-made-of-a-table": "T = {'a': 1}\nC = dict(T.items())\n",
    "a-cached-function": "from functools import cache\n@cache\ndef f(): return 1\n",
}


@pytest.mark.parametrize("more", HARMLESS.values(), ids=HARMLESS)
def test_what_only_binds_a_name_counts_with_that_name(reach: Reach, more: str):
    before = reach(top=TOP, other=OTHER + more)
    assert before == reach(top=TOP, other=OTHER + more.replace("1", "3"))


CONSTRUCTS = {
    "through-a-package": {
        "top": "from nightloom.room import used\ndef build(): used()\n",
        "room__in____init__": "from nightloom.room.inner import used\n",
        "room__in__inner": OTHER,
    },
    "through-a-package-relatively": {
        "top": "from nightloom import room\ndef build(): room.used()\n",
        "room__in____init__": "from .inner import used as used\n",
        "room__in__inner": OTHER,
    },
    "a-folder-without-a-file": {
        "top": "import nightloom.room.inner\ndef build(): nightloom.room.inner.used()\n",
        "room__in__inner": OTHER,
    },
    "star": {
        "top": "from nightloom.between import *\ndef build(): used()\n",
        "between": "from nightloom.inner import *\n",
        "inner": OTHER,
    },
    "star-of-two": {
        "top": "from nightloom.inner import *\nfrom nightloom.two import *\ndef build(): used()\n",
        "two": "def used(): pass\n",
        "inner": OTHER,
    },
    "star-over-a-name": {
        "top": "def used(): pass\nfrom nightloom.inner import *\ndef build(): used()\n",
        "inner": OTHER,
    },
    "given-on-demand": {
        "top": "from nightloom import lazy\ndef build(): lazy.used()\n",
        "lazy": (
            "def __getattr__(name):\n    import nightloom.inner as i\n    return getattr(i, name)\n"
        ),
        "inner": OTHER,
    },
    "a-name-of-the-globals": {
        "top": "def build(): return globals()['f']()\ndef f(): return g()\n"
        "from nightloom.inner import used as g\n",
        "inner": OTHER,
    },
    "import-by-a-known-name": {
        "top": "import importlib\ndef build(): importlib.import_module('nightloom.inner').used()\n",
        "inner": OTHER,
    },
    "import-by-a-computed-name": {
        "top": "from importlib import import_module\n"
        "def build(a): import_module(f'nightloom.in{a}').used()\n",
        "inner": OTHER,
    },
    "import-by-any-name": {
        "top": "import importlib\ndef build(a): importlib.import_module(a).used()\n",
        "inner": OTHER,
    },
    "importer-under-another-name": {
        "top": "from importlib import import_module as load\ndef build(a): load(a).used()\n",
        "inner": OTHER,
    },
    "importer-as-a-value": {
        "top": "import importlib\ndef build(a): list(map(importlib.import_module, a))\n",
        "inner": OTHER,
    },
    "computed-relative-import": {
        "top": "import importlib\n"
        "def build(a): importlib.import_module(f'.{a}', __package__).used()\n",
        "inner": OTHER,
    },
    "getattr-of-a-module": {
        "top": "from nightloom import inner\ndef build(a): getattr(inner, a)()\n",
        "inner": OTHER,
    },
    "vars-of-a-module": {
        "top": "from nightloom import inner\ndef build(a): vars(inner)[a]()\n",
        "inner": OTHER,
    },
    "a-module-as-a-value": {
        "top": "from nightloom import inner\nT = {'a': inner}\ndef build(a): T[a].used()\n",
        "inner": OTHER,
    },
    "the-file-of-a-module": {
        "top": "from nightloom import near\ndef build(): open(near.__file__)\n",
        "near": "",
        "inner": OTHER,
    },
    "run-as-a-program": {
        "top": "import subprocess\ndef build(): subprocess.run(['-m', 'nightloom.inner'])\n",
        "inner": OTHER,
    },
    "a-list-added-to-from-elsewhere": {
        "top": "from nightloom.held import L\nimport nightloom.inner\ndef build(): L[0]()\n",
        "held": "L = []\n",
        "inner": "from nightloom.held import L\n" + OTHER + "L.append(used)\n",
    },
}


@pytest.mark.parametrize("modules", CONSTRUCTS.values(), ids=CONSTRUCTS)
def test_constructs_over_several_modules(reach: Reach, modules: dict[str, str]):
    inner = next(name for name in modules if name.endswith("inner"))
    before = reach(**modules)
    changed = modules[inner].replace("return 1", "return 10")
    assert reach(**{**modules, inner: changed}) != before


SWAPS = {
    "what-a-name-is-imported-as": (
        "from nightloom.other import a as x, b as y\ndef build(): x(y())\n",
        "from nightloom.other import b as x, a as y\ndef build(): x(y())\n",
    ),
    "which-assignment-is-last": (
        "X = 1\nX = 2\ndef build(): return X\n",
        "X = 2\nX = 1\ndef build(): return X\n",
    ),
    "what-is-read-before-it-changes": (
        "X = [1]\nY = list(X)\nX.append(2)\ndef build(): return Y\n",
        "X = [1]\nX.append(2)\nY = list(X)\ndef build(): return Y\n",
    ),
    "added-to": (
        "X = [1]\nX += [2]\ndef build(): return X\n",
        "X = [1]\nX += [3]\ndef build(): return X\n",
    ),
    "import-or-definition-last": (
        "from nightloom.other import a\ndef a(): pass\ndef build(): a()\n",
        "def a(): pass\nfrom nightloom.other import a\ndef build(): a()\n",
    ),
    "branches": (
        "import sys\nif sys.argv:\n    def a(): return 1\nelse:\n    def a(): return 2\n"
        "def build(): a()\n",
        "import sys\nif sys.argv:\n    def a(): return 2\nelse:\n    def a(): return 1\n"
        "def build(): a()\n",
    ),
    "unpacked": ("A, B = 1, 2\ndef build(): return A\n", "A, B = 2, 1\ndef build(): return A\n"),
    "annotation-of-a-field": (
        "class A:\n    x: int = 1\ndef build(): A()\n",
        "class A:\n    x: float = 1\ndef build(): A()\n",
    ),
    "text-that-is-read": (
        "def build():\n    '''One.'''\n    return build.__doc__\n",
        "def build():\n    '''Two.'''\n    return build.__doc__\n",
    ),
    "none-or-a-text": ("def build(): return None\n", "def build(): return ''\n"),
    "number-or-truth": ("def build(): return 1\n", "def build(): return True\n"),
}


@pytest.mark.parametrize(("before", "after"), SWAPS.values(), ids=SWAPS)
def test_two_codes_that_differ(reach: Reach, before: str, after: str):
    other = "def a(): return 1\ndef b(): return 2\n"
    assert reach(top=before, other=other) != reach(top=after, other=other)


SAME = {
    "order-of-functions": (
        "def a(): pass\ndef build(): a()\n",
        "def build(): a()\ndef a(): pass\n",
    ),
    "order-of-imports": (
        "from nightloom.other import a\nfrom nightloom.other import b\ndef build(): a(b)\n",
        "from nightloom.other import b, a\ndef build(): a(b)\n",
    ),
    "an-unused-import": (
        "def build(): pass\n",
        "from nightloom.other import a\ndef build(): pass\n",
    ),
    "a-local-annotation": ("def build():\n    x = 1\n", "def build():\n    x = 1  # int\n"),
    "the-kind-of-a-local-name": (
        "def build():\n    x: int = 1\n",
        "def build():\n    x: float = 1\n",
    ),
    "texts": (
        "'''One.'''\nX = 1\n'''Two.'''\ndef build():\n    '''Three.'''\n    return X\n",
        "X = 1\ndef build():\n    return X\n",
    ),
    "type-checking": (
        "def build(): pass\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nightloom.other import a\n"
        "def build(): pass\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_two_codes_that_do_not(reach: Reach, before: str, after: str):
    other = "def a(): return 1\ndef b(): return 2\n"
    assert reach(top=before, other=other) == reach(top=after, other=other)


def test_libraries_count_where_what_is_reached_uses_them(reach: Reach):
    other = "import numpy as np\nimport pandas\ndef used(): np.zeros(1)\ndef no(): pandas.NA\n"
    assert set(reach(top=TOP, other=other).libraries) == {"numpy"}


@pytest.mark.parametrize("top", ["import keras\n", "from keras import layers\n"])
def test_a_library_that_is_imported_for_what_importing_does_counts(reach: Reach, top: str):
    assert set(reach(top=f"{top}def build(): pass\n").libraries) == {"keras"}


def test_a_library_under_the_name_of_another_distribution(reach: Reach):
    found = reach(top="import dateutil.parser\ndef build(): dateutil.parser.parse('')\n")
    assert found.libraries["dateutil"].startswith("python-dateutil ")


DISPATCH = """
import importlib
from nightloom.declared import by_declaration
TABLE = {"one": "nightloom.one"}
@by_declaration
def family(name): return importlib.import_module(TABLE[name])
def build(name): return family(name).create()
"""
FAMILY = "def create(): return layers()\ndef layers(): return 1\ndef export(): return 2\n"


def test_what_is_found_by_declaration_counts_where_it_is_declared(reach: Reach):
    assert set(reach(top=DISPATCH, one=FAMILY, two=FAMILY).modules) == {"nightloom.top"}
    found = fingerprint(["nightloom.top:build", "nightloom.one:create"])
    names = {name for name in found.definitions if not name.startswith("nightloom.top:")}
    assert names == {"nightloom.one:create", "nightloom.one:layers"}


def test_the_text_of_what_finds_it_counts(reach: Reach):
    changed = DISPATCH.replace("TABLE[name]", "TABLE[name.lower()]")
    assert reach(top=DISPATCH, one=FAMILY) != reach(top=changed, one=FAMILY)


def test_without_the_mark_every_module_that_may_be_meant_counts_whole(reach: Reach):
    found = reach(top=DISPATCH.replace("@by_declaration\n", ""), one=FAMILY, two=FAMILY)
    assert {"nightloom.one:export", "nightloom.two:export"} <= found.definitions


def test_a_file_that_is_no_python_is_an_error_that_names_it(reach: Reach):
    with pytest.raises(SyntaxError, match="other.py"):
        reach(top=TOP, other="def (\n")


def test_a_module_that_is_left_out_leads_to_nothing_else(reach: Reach):
    init = "def __getattr__(name):\n    import nightloom.other as o\n    return getattr(o, name)\n"
    top = "from nightloom import errors\ndef build(): errors.Error()\n"
    reach(top=top, errors="class Error: pass\n", other=OTHER, __init__=init)
    found = fingerprint(["nightloom.top:build"], without=("nightloom.errors",))
    assert set(found.modules) == {"nightloom.top"}
