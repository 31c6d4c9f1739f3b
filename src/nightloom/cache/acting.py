"""Whether a statement does more than bind a name when its module is imported.

A project function called there may have any side effect (such as registering something); so may a
library's decorator, and a base class that inspects its subclasses.
"""

import ast
from collections.abc import Callable

from nightloom.cache import project
from nightloom.cache.names import Chain, unrolled
from nightloom.cache.source import Source, Statement, Target

HARMLESS = frozenset({"abc", "contextlib", "dataclasses", "enum", "functools", "typing"})
"""Modules whose decorators only change what they decorate."""
MAKERS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__"})
"""Methods that run when a class or an instance is created."""
DECLARED = "by_declaration"
"""The decorator of functions that find code by a name from the stage's declaration."""
PLAIN = (ast.Constant, ast.Dict, ast.DictComp, ast.JoinedStr, ast.List, ast.ListComp, ast.Set,
         ast.SetComp, ast.Tuple)  # fmt: skip
READING = frozenset(
    "copy count difference encode endswith format get index intersection isdisjoint issubset "
    "issuperset items join keys lower lstrip partition removeprefix removesuffix replace "
    "rpartition rsplit rstrip split splitlines startswith strip title union upper values".split()
)
"""Methods of strings and containers without side effects."""

Look = Callable[[str], Source | None]


def acts(look: Look, source: Source, statement: Statement) -> bool:
    """Whether importing the module may do more than bind the statement's names."""
    given = getattr(statement.node, "decorator_list", ())
    if len(given) > len(statement.decorators):  # one is computed
        return True
    if any(_is_foreign(source, chain) for chain in statement.decorators):
        return True
    if any(_call_acts(look, source, chain) for chain in statement.calls):
        return True
    node = statement.node
    return isinstance(node, ast.ClassDef) and _is_kept(look, source, node, set())


def _is_foreign(source: Source, chain: Chain) -> bool:
    """Whether a decorator comes from a library that may keep its argument."""
    targets = _targets(source, chain)
    return any(
        not project.is_project(target.module) and target.module.partition(".")[0] not in HARMLESS
        for target in targets
    )


def _targets(source: Source, chain: Chain) -> list[Target]:
    found = (one.imported.targets.get(chain[0]) for one in source.bound.get(chain[0], ()))
    return [target for target in found if target]


def _call_acts(look: Look, source: Source, chain: Chain) -> bool:
    if any(target.name == DECLARED for target in _targets(source, chain)):
        return False
    for module, statement, rest in _meanings(look, source, chain, set()):
        node = statement.node
        if isinstance(node, ast.ClassDef) and not rest:
            if statement.methods & MAKERS or any(
                _call_acts(look, module, base) for base in filter(None, map(unrolled, node.bases))
            ):
                return True
        elif not statement.is_import and not _only_reads(node, rest):
            return True
    return False


def _only_reads(node: ast.stmt, rest: Chain) -> bool:
    """Whether it is a method of a plain string or container without side effects."""
    value = getattr(node, "value", None) if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, PLAIN) and len(rest) == 1 and rest[0] in READING


def _meanings(
    look: Look, source: Source, chain: Chain, seen: set[tuple[str, Chain]]
) -> list[tuple[Source, Statement, Chain]]:
    """The project's statements that define the start of a chain, and the rest of the chain."""
    if (source.name, chain) in seen:
        return []
    seen.add((source.name, chain))
    found: list[tuple[Source, Statement, Chain]] = []
    for statement in source.bound.get(chain[0], ()):
        target = statement.imported.targets.get(chain[0])
        if target is None:
            found.append((source, statement, chain[1:]))
        elif project.is_project(target.module):
            found += _in_module(look, target, chain[1:], seen)
    for star in source.stars:
        if other := look(star) if project.is_project(star) else None:
            found += _meanings(look, other, chain, seen)
    return found


def _in_module(
    look: Look, target: Target, rest: Chain, seen: set[tuple[str, Chain]]
) -> list[tuple[Source, Statement, Chain]]:
    names = (target.name, *rest) if target.name else rest
    module = target.module
    while names:
        source = look(module)
        inner = f"{module}.{names[0]}"
        if (source and names[0] in source.bound) or (source and source.stars):
            return _meanings(look, source, names, seen)
        module, names = inner, names[1:]
    return []


def _is_kept(look: Look, source: Source, node: ast.ClassDef, seen: set[str]) -> bool:
    """Whether one of the bases may keep track of its subclasses."""
    if any(one.arg == "metaclass" for one in node.keywords):
        return True
    for chain in filter(None, map(unrolled, node.bases)):
        for module, statement, rest in _meanings(look, source, chain, set()):
            base = statement.node
            name = f"{module.name}:{statement.place}"
            if isinstance(base, ast.ClassDef) and not rest and name not in seen:
                seen.add(name)
                keeps = "__init_subclass__" in statement.methods
                if keeps or "__subclasses__" in statement.uses.attributes:
                    return True
                if _is_kept(look, module, base, seen):
                    return True
    return False
