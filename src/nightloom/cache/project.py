"""Which modules are the project's, where they lie, and which version a library has."""

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import cache
from importlib import metadata
from pathlib import Path

from nightloom import plugins
from nightloom.scoped import scoped

PACKAGE = "nightloom"
ROOT = Path(__file__).resolve().parent.parent

DISTRIBUTIONS = {
    "google": "protobuf",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Where the name of a distribution is not the name that one imports, to save a search."""

_also: ContextVar[Mapping[str, Path]] = ContextVar("nightloom_also", default={})  # noqa: B039


def also(modules: Mapping[str, Path]) -> AbstractContextManager[Mapping[str, Path]]:
    """Inside, these top-level modules are project code too: a file without its ending, or a
    folder, by module."""
    return scoped(_also, modules)


def is_project(module: str) -> bool:
    """Whether a module is project code."""
    return module.partition(".")[0] in _roots()


def is_folder(module: str) -> bool:
    """Whether a project module is a folder, be it without `__init__.py`."""
    base = _base(module)
    return base is not None and base.is_dir()


def file_of(module: str) -> Path | None:
    """The file of a project module; None where there is none."""
    if base := _base(module):
        for candidate in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _base(module: str) -> Path | None:
    """The file of a module without its ending, or its folder; None where it is not ours."""
    top, *parts = module.split(".")
    root = _roots().get(top)
    return root and root.joinpath(*parts)


def modules_below(package: str = "") -> Iterator[str]:
    """Every module of a package, or of the project."""
    for top, root in _roots().items():
        for path in [*sorted(root.rglob("*.py")), root.with_suffix(".py")]:
            if path.is_file():
                parts = path.relative_to(root.parent).with_suffix("").parts
                name = ".".join([top, *parts[1:]]).removesuffix(".__init__")
                if not package or name == package or name.startswith(f"{package}."):
                    yield name


def _roots() -> dict[str, Path]:
    """Where our package lies and those that add families, sources or formats, by module."""
    return {**_also.get(), **_located(ROOT, tuple(sys.path))}


@cache
def _located(own: Path, path: tuple[str, ...]) -> dict[str, Path]:
    del path  # only there so that another path is looked through anew
    found = {PACKAGE: own}
    for name in plugins.modules():
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            continue  # whoever needs it says so
        if spec is not None and spec.submodule_search_locations:
            found[name] = Path(spec.submodule_search_locations[0])
        elif spec is not None and spec.origin:
            found[name] = Path(spec.origin).with_suffix("")
    return found


@cache
def version(module: str) -> str | None:
    """The version of the library that a module is of; None where it is the standard library's."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return None
    try:
        return metadata.version(distribution(module))
    except metadata.PackageNotFoundError:
        found = _distributions().get(top, ())
        return ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(found))) or None


def distribution(module: str) -> str:
    """What the library is called that a module is of."""
    top = module.partition(".")[0]
    return DISTRIBUTIONS.get(top, top)


@cache
def _distributions() -> dict[str, list[str]]:
    """Of each top-level module, the distributions that have it; slow, for the odd ones alone."""
    return dict(metadata.packages_distributions())
