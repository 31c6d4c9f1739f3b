"""The code of an own step: a function or a Prefect flow, and the parameters it takes."""

import importlib
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from nightloom.errors import InputError
from nightloom.plugins import LONGEST

_read_at: dict[str, float] = {}
"""When this process read each module of a step."""
_looked: set[Path] = set()
"""Folders in which this process looks for modules of steps."""


@dataclass(frozen=True)
class Parameters:
    """What a step takes."""

    names: frozenset[str]
    needed: frozenset[str] = frozenset()
    """Those without a default."""
    all: bool = False
    """Whether it takes everything (`**given`)."""

    def chosen(
        self, offered: Mapping[str, Any], arguments: Mapping[str, Any], *, run: str
    ) -> dict[str, Any]:
        """What the step is given: its arguments, and of what is offered that which it names.

        Raises:
            InputError: It has no parameter for an argument, or needs what nobody gives.
        """
        for name in arguments:
            if not self.all and name not in self.names:
                has = ", ".join(sorted(self.names)) or "none"
                raise InputError(f"{run} has no parameter {name}, named in arguments; it has {has}")
        if missing := sorted(self.needed - {*offered, *arguments}):
            raise InputError(
                f"{run} needs {', '.join(missing)}: expected in arguments, or one of those that "
                f"a step is given here: {', '.join(offered)}"
            )
        taken = {name: one for name, one in offered.items() if self.all or name in self.names}
        return {**taken, **arguments}


@dataclass(frozen=True)
class Code:
    """A step's code."""

    called: Callable[..., Any]
    parameters: Parameters
    root: str
    """`module:name`, for its fingerprint."""
    modules: Mapping[str, Path] = field(default_factory=dict)
    """Its own top-level modules: a file's without its ending, or a folder."""
    read_at: float = 0.0
    """When this process read it."""


def code_of(run: str) -> Code:
    """The code named `module:name` or `file.py:name`.

    A module that is not installed is looked for in the working directory.

    Raises:
        InputError: There is none, or it cannot be imported or called.
    """
    place, _, name = run.rpartition(":")
    module = _from_file(Path(place), run) if place.endswith(".py") else _imported(place, run)
    called = getattr(module, name, None)
    if not callable(called):
        there = [one for one, value in vars(module).items() if _is_own(value, module)]
        raise InputError(
            f"{run}: expected a function in {place}, which has "
            f"{', '.join(there[:10]) or 'none of its own'}"
        )
    return Code(
        called,
        _parameters(called, run),
        f"{module.__name__}:{name}",
        _beside(module),
        _read_at.setdefault(module.__name__, time.time()),
    )


def parameters_of(schema: Mapping[str, Any]) -> Parameters:
    """The parameters of a deployment, from its schema."""
    return Parameters(
        frozenset(schema.get("properties", {})), frozenset(schema.get("required", ()))
    )


def _is_own(value: Any, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", "") == module.__name__


def _from_file(path: Path, run: str) -> ModuleType:
    path = path.expanduser().absolute()
    if not path.is_file():
        raise InputError(f"{run}: no such file, {path}")
    _look_also(path.parent)
    module = _imported(path.stem, run)
    if (found := Path(module.__file__ or "").resolve()) != path.resolve():
        raise InputError(
            f"{run}: Python has another module called {path.stem}, {found}; rename {path.name}"
        )
    return module


def _imported(name: str, run: str) -> ModuleType:
    top = name.partition(".")[0]
    here = Path.cwd()
    try:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != top or not _has_module(here, top):
                raise
            _look_also(here)
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name == top:
            hint = "; install it, or name its file, as in /path/my_steps.py:function"
        raise InputError(f"{run}: {name} cannot be imported ({what}){hint}") from error
    file = Path(getattr(sys.modules[top], "__file__", None) or here)
    folder = file.parent.parent if file.name == "__init__.py" else file.parent
    if folder in _looked - {here} and _has_module(here, top):
        raise InputError(
            f"{run}: this process has imported {top} from {folder} already, for another step; "
            f"rename one of the two, or run them in processes of their own"
        )
    return module


def _has_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def _look_also(folder: Path) -> None:
    """Python looks for modules there too, last."""
    _looked.add(folder)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()


def _parameters(called: Callable[..., Any], run: str) -> Parameters:
    try:
        found = inspect.signature(called).parameters.values()
    except (TypeError, ValueError) as error:
        raise InputError(f"{run}: its parameters are not known ({error})") from error
    named = [one for one in found if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    for one in found:
        if one.kind is one.POSITIONAL_ONLY and one.default is one.empty:
            raise InputError(f"{run}: {one.name} cannot be given by name; expected it without /")
    return Parameters(
        frozenset(one.name for one in named),
        frozenset(one.name for one in named if one.default is one.empty),
        any(one.kind is one.VAR_KEYWORD for one in found),
    )


def _beside(module: ModuleType) -> dict[str, Path]:
    """The module's package, and what lies beside it: all of a folder, one package if installed."""
    top = module.__name__.partition(".")[0]
    file = getattr(sys.modules[top], "__file__", None)
    paths = list(getattr(sys.modules[top], "__path__", ()))
    if file is None and not paths:
        return {}
    base = Path(file) if file else Path(paths[0]) / "__init__.py"
    base = base.parent if base.name == "__init__.py" else base.with_suffix("")
    if top == "nightloom" or top in sys.stdlib_module_names:
        return {}
    found = {top: base}
    if not {"site-packages", "dist-packages"} & set(base.parts):
        found |= dict(_named(os.scandir(base.parent)))
    return found


def _named(entries: Iterable["os.DirEntry[str]"]) -> Iterable[tuple[str, Path]]:
    for one in entries:
        name = one.name.removesuffix(".py")
        is_module = name.isidentifier() and name not in sys.stdlib_module_names
        is_code = one.name.endswith(".py") or Path(one.path, "__init__.py").is_file()
        if is_module and is_code and name != "nightloom":
            yield name, Path(one.path).with_name(name)
