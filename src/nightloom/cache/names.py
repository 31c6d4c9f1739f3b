"""What a piece of code uses: names of its module with their attributes, imports, strings that may
name a module, and modules imported by a computed name."""

import ast
import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nightloom.cache.parsing import parse

Chain = tuple[str, ...]
"""`a.b.c` as ("a", "b", "c")."""
ANY = "*"
IMPORTERS = frozenset({"import_module", "__import__"})
"""Functions that import by a name given as a string."""
SEARCHERS = frozenset(
    {"iter_modules", "walk_packages", "spec_from_file_location", "run_module", "run_path"}
)
"""What may run any module."""
OWN_NAMES = frozenset({"globals", "locals", "vars", "exec", "eval", "__file__", "__path__"})
"""Functions that can reach names without spelling them."""

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+(:[^\W\d]\w*)?")
_NAMES = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass
class Uses:
    """What a statement uses, in any scope."""

    chains: set[Chain] = field(default_factory=set)
    """Non-local names, each with the attributes used."""
    local: set[Chain] = field(default_factory=set)
    """The same for names bound by an import in a function."""
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    """Import statements anywhere in it."""
    attributes: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    """Dotted names in string constants."""
    patterns: set[str] = field(default_factory=set)
    """Names of modules imported by a string; `*` for unknown parts."""
    all_of_module: bool = False
    """Whether it may use names of its module without spelling them."""


def unrolled(node: ast.AST) -> Chain | None:
    """`a.b.c` as a chain; None for any other expression."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return (node.id, *reversed(names))


def read_uses(node: ast.stmt) -> Uses:
    """What a statement at the top of a module uses."""
    reader = _Reader()
    reader.visit(node)
    found = reader.uses
    found.chains |= reader.scope.loads
    local = {
        alias.asname or alias.name.partition(".")[0] for one in found.imports for alias in one.names
    }
    if local:
        found.local = {chain for chain in reader.bound | found.chains if chain[0] in local}
    return found


def called_on_import(node: ast.AST) -> Iterator[ast.expr]:
    """What is called when a statement runs, without the calls in functions it defines."""
    if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        yield from decorators
        yield from _called([*decorators, *_defaults(node.args)])
        return
    if isinstance(node, ast.ClassDef):
        yield from node.decorator_list
    elif isinstance(node, ast.Call):
        yield node.func
    yield from _called(ast.iter_child_nodes(node))


def _called(nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    for node in nodes:
        yield from called_on_import(node)


def _defaults(node: ast.arguments) -> list[ast.expr]:
    return [*node.defaults, *(one for one in node.kw_defaults if one)]


@dataclass
class _Scope:
    """A function, a comprehension, a class or the module."""

    loads: set[Chain] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)
    """Names that a `global` statement gives to the module."""


class _Reader:
    """Visits a statement once. Names treated as local always are; a local name that is not
    recognised (in patterns of `match`, say) counts as a name of the module."""

    def __init__(self) -> None:
        self.uses = Uses()
        self.scope = _Scope()
        self.bound: set[Chain] = set()
        """Chains from local names."""

    def visit(self, node: ast.AST) -> None:
        visit = _VISITS.get(node.__class__)
        if visit is None:
            self.visit_fields(node)
        else:
            visit(self, node)

    def visit_fields(self, node: ast.AST) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if value.__class__ is list:
                for one in value:
                    if isinstance(one, ast.AST):
                        self.visit(one)
            elif isinstance(value, ast.AST):
                self.visit(value)

    def visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def visit_constant(self, node: ast.Constant) -> None:
        value = node.value
        if value.__class__ is str and _DOTTED.fullmatch(value):
            self.uses.strings.add(value)

    def visit_chain(self, node: ast.Name | ast.Attribute) -> None:
        names: list[str] = []
        inner: ast.AST = node
        while inner.__class__ is ast.Attribute:
            names.append(inner.attr)
            inner = inner.value
        self.uses.attributes.update(names)
        if inner.__class__ is not ast.Name:
            self._note_reach(names[0])
            self.visit(inner)
            return
        name: str = inner.id
        if inner.ctx.__class__ is not ast.Load:
            self.scope.bound.add(name)
        names.append(name)
        if len(names) == 1 and name in OWN_NAMES:
            self.uses.all_of_module = True
        self._note_reach(names[0])
        self.scope.loads.add(tuple(reversed(names)))

    def _note_reach(self, name: str) -> None:
        if name in IMPORTERS or name in SEARCHERS:
            self.uses.patterns.add(ANY)

    def visit_call(self, node: ast.Call) -> None:
        chain = unrolled(node.func)
        if chain is not None and chain[-1] in IMPORTERS and node.args:
            self.uses.patterns.add(_pattern(node.args[0]))
            self.scope.loads.add(chain)
        elif chain != ("vars",) or not node.args:  # a module in `vars(module)` is used bare
            self.visit(node.func)
        self.visit_all(node.args)
        self.visit_all(one.value for one in node.keywords)

    def visit_import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.uses.imports.append(node)
        for alias in node.names:
            self.scope.bound.add(alias.asname or alias.name.partition(".")[0])

    def visit_global(self, node: ast.Global) -> None:
        self.scope.outer.update(node.names)
        self.uses.chains.update((name,) for name in node.names)

    def visit_annotated(self, node: ast.AnnAssign) -> None:
        self._visit_annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_handler(self, node: ast.ExceptHandler) -> None:
        self.scope.bound.update([node.name] if node.name else [])
        self.visit_fields(node)

    def visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        """Decorators, defaults and annotations belong to the enclosing scope."""
        self.visit_all(_defaults(node.args))
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += [one for one in (node.args.vararg, node.args.kwarg) if one]
        for one in arguments:
            if one.annotation is not None:
                self._visit_annotation(one.annotation)
        bound = {one.arg for one in arguments}
        if isinstance(node, ast.Lambda):
            self._within(lambda: self.visit(node.body), bound)
            return
        self.scope.bound.add(node.name)
        self.visit_all(node.decorator_list)
        self.visit_all(getattr(node, "type_params", ()))
        if node.returns is not None:
            self._visit_annotation(node.returns)
        self._within(lambda: self.visit_all(node.body), bound)

    def visit_class(self, node: ast.ClassDef) -> None:
        self.scope.bound.add(node.name)
        self.visit_all(node.decorator_list)
        self.visit_all(getattr(node, "type_params", ()))
        self.visit_all(node.bases)
        self.visit_all(node.keywords)
        self._within(lambda: self.visit_all(node.body), None)

    def visit_comprehension(self, node: Any) -> None:
        self.visit(node.generators[0].iter)

        def visit_rest() -> None:
            for number, generator in enumerate(node.generators):
                self.visit(generator.target)
                self.visit_all([generator.iter] if number else [])
                self.visit_all(generator.ifs)
            for name in ("elt", "key", "value"):
                if part := getattr(node, name, None):
                    self.visit(part)

        self._within(visit_rest, set())

    def _within(self, visit: Callable[[], None], bound: set[str] | None) -> None:
        """Visit in a new scope; None for a class, whose names its functions do not see."""
        around, self.scope = self.scope, _Scope(bound=bound or set())
        visit()
        scope, self.scope = self.scope, around
        local = set() if bound is None else scope.bound - scope.outer
        for chain in scope.loads:
            if chain[0] in scope.outer:
                self.uses.chains.add(chain)
            elif chain[0] in local:
                self.bound.add(chain)
            else:
                around.loads.add(chain)

    def _visit_annotation(self, node: ast.AST) -> None:
        """An annotation may be quoted, as a whole or in part."""
        for one in ast.walk(node):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                if _NAMES.fullmatch(one.value):
                    self.scope.loads.add(tuple(one.value.split(".")))
                else:
                    with contextlib.suppress(SyntaxError, ValueError):  # then it is a text
                        self.visit(parse(one.value, "annotation", mode="eval"))
        self.visit(node)


_VISITS: dict[type[ast.AST], Callable[[_Reader, Any], None]] = {
    ast.Name: _Reader.visit_chain,
    ast.Attribute: _Reader.visit_chain,
    ast.Constant: _Reader.visit_constant,
    ast.Call: _Reader.visit_call,
    ast.Import: _Reader.visit_import,
    ast.ImportFrom: _Reader.visit_import,
    ast.Global: _Reader.visit_global,
    ast.AnnAssign: _Reader.visit_annotated,
    ast.ExceptHandler: _Reader.visit_handler,
    ast.FunctionDef: _Reader.visit_function,
    ast.AsyncFunctionDef: _Reader.visit_function,
    ast.Lambda: _Reader.visit_function,
    ast.ClassDef: _Reader.visit_class,
    ast.ListComp: _Reader.visit_comprehension,
    ast.SetComp: _Reader.visit_comprehension,
    ast.DictComp: _Reader.visit_comprehension,
    ast.GeneratorExp: _Reader.visit_comprehension,
}


def _pattern(node: ast.expr) -> str:
    """The name that an expression evaluates to, with `*` for unknown parts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else ANY for part in node.values
        )
    return ANY
