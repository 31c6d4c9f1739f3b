"""A module as its statements: what each binds, what it uses, and its digest, without importing it.

Comments, docstrings, layout and the annotations of local variables (which are never evaluated) do
not count.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from nightloom.cache.names import Chain, Uses, called_on_import, read_uses, unrolled
from nightloom.cache.parsing import parse

Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPOUND = (ast.If, ast.Try, ast.TryStar)
_NAMED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_READS_DOCSTRINGS = (b"__doc__", b"getdoc")


@dataclass(frozen=True)
class Target:
    """The target of an import: a module, or something in it."""

    module: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.module}:{self.name}" if self.name else self.module


@dataclass(frozen=True)
class Imported:
    """What an import statement binds, its star imports, and what it runs."""

    targets: dict[str, Target]
    stars: tuple[str, ...] = ()
    runs: tuple[Target, ...] = ()


@dataclass(eq=False)
class Statement:
    """One statement at the top of a module."""

    node: ast.stmt
    place: int
    package: str
    keeps_docstrings: bool
    binds: frozenset[str] = frozenset()
    imported: Imported = field(default_factory=lambda: Imported({}))
    """Executed by the statement itself, not within functions."""
    does: bool = False
    """Whether it has side effects, and so counts whenever the module runs."""

    @property
    def is_import(self) -> bool:
        """Whether it is only an import, of which only used names count."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @cached_property
    def decorators(self) -> tuple[Chain, ...]:
        """Decorators that are called by a name."""
        given = getattr(self.node, "decorator_list", ())
        functions = (one.func if isinstance(one, ast.Call) else one for one in given)
        return tuple(filter(None, map(unrolled, functions)))

    @cached_property
    def methods(self) -> frozenset[str]:
        """Names of the methods of a class."""
        body = getattr(self.node, "body", ())
        return frozenset(one.name for one in body if isinstance(one, _NAMED))

    @cached_property
    def uses(self) -> Uses:
        """What it uses from its module and others."""
        return read_uses(self.node)

    @cached_property
    def within(self) -> Imported:
        """What imports anywhere in it bind."""
        return _imported(self.uses.imports, self.package)

    @cached_property
    def calls(self) -> tuple[Chain, ...]:
        """What is called, by its name, when the statement runs."""
        return tuple(filter(None, map(unrolled, called_on_import(self.node))))

    @cached_property
    def digest(self) -> str:
        """Digest of its normalised code."""
        parts: list[str] = []
        _dump(self.node, parts, docstrings=self.keeps_docstrings, local=False)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(eq=False)
class Source:
    """A module's statements and the names they bind."""

    name: str
    package: str
    """The base of its relative imports: itself, if it is a package."""
    statements: list[Statement]
    bound: dict[str, list[Statement]]

    @cached_property
    def stars(self) -> list[str]:
        """Modules that it takes all public names from."""
        return [star for one in self.statements for star in one.imported.stars]

    @cached_property
    def unused(self) -> list[Target]:
        """Imports of names that nothing here uses, made for their side effects."""
        found = {
            name: target for one in self.statements for name, target in one.imported.targets.items()
        }
        for one in self.statements:
            if not found:
                break
            for chain in one.uses.chains:
                found.pop(chain[0], None)
        return list(found.values())


def read(path: Path, module: str) -> Source:
    """The module in a file; read again if the file changes."""
    stat = path.stat()
    return _read(path, module, stat.st_mtime_ns, stat.st_size)


@cache
def _read(path: Path, module: str, mtime: int, size: int) -> Source:
    del mtime, size  # only there so that an edited file is read again
    content = path.read_bytes()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    keeps = any(word in content for word in _READS_DOCSTRINGS)
    statements: list[Statement] = []
    bound: dict[str, list[Statement]] = {}
    for node in _running(parse(content, str(path)).body):
        if _is_text(node):
            continue
        simple = list(_simple(node))
        imports = [one for one in simple if isinstance(one, ast.Import | ast.ImportFrom)]
        statement = Statement(
            node,
            len(statements),
            package,
            keeps,
            imported=_imported(imports, package),
            does=not all(map(_only_binds, simple)),
        )
        names = {name for one in simple for name in _names_of(one)}
        statement.binds = frozenset(names | statement.imported.targets.keys())
        statements.append(statement)
        for name in statement.binds:
            bound.setdefault(name, []).append(statement)
    return Source(module, package, statements, bound)


def _running(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run: for `if TYPE_CHECKING`, the `else` branch."""
    for node in body:
        if isinstance(node, ast.If) and _chain(node.test)[-1:] == ("TYPE_CHECKING",):
            yield from _running(node.orelse)
        else:
            yield node


def _simple(node: ast.stmt) -> Iterator[ast.stmt]:
    """The statement, or those in the branches of an `if` or `try`, and their tests' calls."""
    if not isinstance(node, _COMPOUND):
        yield node
        return
    if isinstance(node, ast.If):
        yield ast.Assign(targets=[], value=node.test)
    else:
        for handler in node.handlers:
            yield from _inside(handler.body)
        yield from _inside(node.finalbody)
    yield from _inside(node.body)
    yield from _inside(node.orelse)


def _inside(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for node in _running(body):
        yield from _simple(node)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring, or one used as a comment."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _only_binds(node: ast.stmt) -> bool:
    if isinstance(node, ast.ClassDef):
        return all(_only_binds(one) or isinstance(one, _COMPOUND) for one in node.body)
    if isinstance(node, ast.Assign):
        return all(map(_is_names, node.targets))
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return isinstance(node.target, ast.Name)
    return isinstance(node, (*_NAMED, ast.Import, ast.ImportFrom, ast.Pass)) or _is_text(node)


def _is_names(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(_is_names, node.elts))
    return isinstance(node.value if isinstance(node, ast.Starred) else node, ast.Name)


def _names_of(node: ast.stmt) -> Iterator[str]:
    """Names that a statement binds in its module, including inside loops and `with`."""
    if isinstance(node, _NAMED):
        yield node.name
        return
    waiting: list[ast.AST] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
        elif isinstance(one, _NAMED):
            yield one.name
            continue
        elif one.__class__.__name__ == "TypeAlias":
            yield vars(one)["name"].id
        elif isinstance(one, ast.Lambda | ast.comprehension):
            continue  # their names are their own
        waiting.extend(ast.iter_child_nodes(one))


def _imported(nodes: Iterable[ast.stmt], package: str) -> Imported:
    targets: dict[str, Target] = {}
    stars: list[str] = []
    runs: list[Target] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                targets[alias.asname or top] = Target(alias.name if alias.asname else top)
                runs.append(Target(alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node.module or "", node.level, package)
            for alias in node.names:
                if alias.name == "*":
                    stars.append(base)
                    runs.append(Target(base))
                else:
                    targets[alias.asname or alias.name] = Target(base, alias.name)
                    runs.append(Target(base, alias.name))
    return Imported(targets, tuple(stars), tuple(runs))


def absolute(name: str, level: int, package: str) -> str:
    """The module meant by a relative import in a package."""
    if not level:
        return name
    anchor = package.split(".")
    anchor = anchor[: len(anchor) - level + 1]
    return ".".join([*anchor, name] if name else anchor)


def _chain(node: ast.expr) -> Chain:
    return unrolled(node) or ()


def _dump(node: ast.AST, parts: list[str], *, docstrings: bool, local: bool) -> None:
    """Append the tree as words. local: inside a function, where annotations are not evaluated."""
    parts.append(node.__class__.__name__)
    is_block = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    if is_block:
        local = not isinstance(node, ast.ClassDef)
    for name in node._fields:
        value = getattr(node, name, None)
        if value is None or name in ("ctx", "type_comment"):
            parts.append("")
        elif isinstance(value, ast.AST):
            if local and name == "annotation" and isinstance(node, ast.AnnAssign) and node.simple:
                continue
            _dump(value, parts, docstrings=docstrings, local=local)
        elif isinstance(value, list):
            parts.append(f"[{name}")
            for one in value:
                if not isinstance(one, ast.AST):
                    parts.append(repr(one))
                elif docstrings or not (isinstance(one, ast.stmt) and _is_text(one)):
                    _dump(one, parts, docstrings=docstrings, local=local)
            parts.append("]")
        else:
            parts.append(f"{value.__class__.__name__} {value!r}")
