"""What code a stage runs: its project modules, transitively, and the libraries they import.

Nothing is imported to find out: modules are located as files and read as syntax trees, so that a
cached run stays light. Comments, docstrings and layout do not count.
"""

import ast
import contextlib
import hashlib
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

TRIES = 20
PACKAGE = "nightloom"
ROOT = Path(__file__).resolve().parent.parent

DISTRIBUTIONS = {
    "google": "protobuf",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Where the name of a distribution is not the name that one imports."""


@dataclass(frozen=True)
class Fingerprint:
    """The code behind a stage: one digest a module, one version a library."""

    modules: dict[str, str]
    libraries: dict[str, str]


def fingerprint(roots: Iterable[str], *, without: tuple[str, ...] = ()) -> Fingerprint:
    """Follow the imports of the modules named in `roots`, but not into those named in `without`.

    Raises:
        ModuleNotFoundError: A root is no module of this package.
    """
    modules: dict[str, str] = {}
    libraries: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in modules:
            continue
        path = _file_of(name)
        if path is None:
            raise ModuleNotFoundError(f"no project module {name!r} below {ROOT}")
        digest, imports = _read(path, name)
        modules[name] = digest
        for imported in imports:
            top = imported.partition(".")[0]
            if top == PACKAGE:
                if not _is_below(imported, without):
                    waiting.append(imported)
            elif version := _version(top):
                libraries[DISTRIBUTIONS.get(top, top)] = version
    return Fingerprint(dict(sorted(modules.items())), dict(sorted(libraries.items())))


def _is_below(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in packages)


def _file_of(module: str) -> Path | None:
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return None
    base = ROOT.joinpath(*parts[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _version(top: str) -> str | None:
    if top in sys.stdlib_module_names:
        return None
    try:
        return metadata.version(DISTRIBUTIONS.get(top, top))
    except metadata.PackageNotFoundError:
        return None


def _read(path: Path, module: str) -> tuple[str, tuple[str, ...]]:
    stat = path.stat()
    return _parse(path, module, stat.st_mtime_ns, stat.st_size)


_PARSING = threading.Lock()


def _tree(source: bytes, name: str) -> ast.Module:
    """Parse; again where another thread did so too.

    CPython 3.11 counts the depth of all threads' trees together and takes a switch between two of
    them for an error. A lock keeps ours apart; libraries parse as well (pydantic, docstrings).
    """
    with _PARSING:
        for _ in range(TRIES - 1):
            with contextlib.suppress(SystemError):
                return ast.parse(source, name)
        return ast.parse(source, name)


@cache
def _parse(path: Path, module: str, mtime: int, size: int) -> tuple[str, tuple[str, ...]]:
    """Digest of the normalised code and the names of the modules it imports."""
    del mtime, size  # only there so that an edited file is read again
    tree = _tree(path.read_bytes(), str(path))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports = tuple(sorted(set(_imports(tree, package))))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring or one that stands for a comment."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Modules that a tree imports anywhere, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")
                anchor = anchor[: len(anchor) - node.level + 1]
                base = ".".join([*anchor, base] if base else anchor)
            if base.partition(".")[0] != PACKAGE:
                yield base
                continue
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if _file_of(inner) else base
                if _file_of(inner) and (_file_of(base) or Path()).name == "__init__.py":
                    yield base
