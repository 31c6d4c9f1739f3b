"""Follows code from definition to definition, across the project's modules."""

import fnmatch
import hashlib

from nightloom.cache import project
from nightloom.cache.acting import DECLARED, acts
from nightloom.cache.names import ANY, IMPORTERS, SEARCHERS, Chain
from nightloom.cache.source import Imported, Source, Statement, Target, absolute, read

FILES = frozenset({"__file__", "__path__", "__spec__"})
"""Attributes of a module that lead to files, which may be read as data."""


class Walk:
    """What has been reached, and what is still to be followed."""

    def __init__(self, without: tuple[str, ...]) -> None:
        self._without = tuple(f"{one}." for one in without)
        self._sources: dict[str, Source | None] = {}
        self._ran: set[str] = set()
        self._whole: set[str] = set()
        self._reached: dict[str, dict[int, Statement]] = {}
        self._in_order: set[str] = set()
        """Modules in which the order of statements counts."""
        self._named: dict[tuple[str, Chain], bool] = {}
        self._bindings: dict[str, set[str]] = {}
        self._libraries: dict[str, str] = {}
        self._waiting: list[tuple[Source, Statement | None]] = []
        """Statements to follow; None for a module to run."""

    def root(self, name: str) -> None:
        """Count a module, or a name of one (see `fingerprint`)."""
        module, _, attribute = name.partition(":")
        source = self._known(module)
        if not attribute:
            self._take_whole(module)
        elif attribute in source.bound or source.stars:
            self._take(module, (attribute,))
        else:
            raise AttributeError(f"{module} has no {attribute!r}")

    def follow(self) -> None:
        """Follow everything added so far to the end."""
        while self._waiting:
            source, statement = self._waiting.pop()
            if statement is None:
                self._follow_import(source)
            else:
                self._follow(source, statement)

    def modules(self) -> dict[str, str]:
        """A digest of each module's reached definitions."""
        names = sorted({**self._reached, **self._bindings})
        return {name: self._digest(name) for name in names}

    def libraries(self) -> dict[str, str]:
        """The version of each used library."""
        return dict(sorted(self._libraries.items()))

    def definitions(self) -> frozenset[str]:
        """What is reached, as `module:name`."""
        return frozenset(
            f"{module}:{name}"
            for module, reached in self._reached.items()
            for statement in reached.values()
            for name in statement.binds
        )

    def _digest(self, module: str) -> str:
        digests = [one.digest for _, one in sorted(self._reached.get(module, {}).items())]
        if module not in self._in_order:
            digests.sort()
        parts = [*digests, *sorted(self._bindings.get(module, ()))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _known(self, module: str) -> Source:
        source = self.source(module)
        if source is None:
            raise ModuleNotFoundError(f"no project module {module!r} below {project.ROOT}")
        return source

    def source(self, module: str) -> Source | None:
        """The module; None if it does not exist or is left out."""
        if module not in self._sources:
            path = None if self._is_left_out(module) else project.file_of(module)
            self._sources[module] = read(path, module) if path else None
        return self._sources[module]

    def _is_left_out(self, module: str) -> bool:
        return f"{module}.".startswith(self._without)

    def _follow_import(self, source: Source) -> None:
        """What happens when a module is imported."""
        for statement in source.statements:
            self._import(statement.imported)
            if statement.does or acts(self.source, source, statement):
                self._in_order.add(source.name)
                self._count(source, statement)
        for target in source.unused:
            if not project.is_project(target.module):
                self._library(target.module)

    def _import(self, imported: Imported) -> None:
        for target in imported.runs:
            self._run(target.module)
            if target.name:
                self._run(f"{target.module}.{target.name}")

    def _run(self, module: str) -> None:
        if module in self._ran:
            return
        self._ran.add(module)
        if not project.is_project(module):
            return
        self._run(module.rpartition(".")[0])
        if source := self.source(module):
            self._waiting.append((source, None))

    def _follow(self, source: Source, statement: Statement) -> None:
        """What a statement uses that counts."""
        if self._is_declared(source, statement):
            return
        uses, within = statement.uses, statement.within
        self._import(within)
        for target in within.runs:
            if not project.is_project(target.module):
                self._library(target.module)
        for star in within.stars:
            self._take(star, ())
        for chain in uses.chains:
            self._name(source, chain)
        for chain in uses.local:
            self._go(source, within.targets[chain[0]], chain)
        for text in uses.strings:
            self._take_text(text)
        for pattern in uses.patterns:
            self._take_pattern(source, pattern)
        if uses.all_of_module:
            self._take_whole(source.name)

    def _is_declared(self, source: Source, statement: Statement) -> bool:
        targets = [
            one.imported.targets.get(chain[0])
            for chain in statement.decorators
            for one in source.bound.get(chain[0], ())
        ]
        return any(target and target.name == DECLARED for target in targets)

    def _count(self, source: Source, statement: Statement) -> None:
        reached = self._reached.setdefault(source.name, {})
        if statement.place not in reached:
            reached[statement.place] = statement
            self._waiting.append((source, statement))

    def _bind(self, source: Source, name: str, meaning: object) -> None:
        self._bindings.setdefault(source.name, set()).add(f"{name} is {meaning}")

    def _name(self, source: Source, chain: Chain) -> bool:
        """Count the meaning of a name in a module; returns whether it has the name."""
        if (source.name, chain) not in self._named:
            self._named[source.name, chain] = True  # while it is looked up, of cycles
            self._named[source.name, chain] = self._resolve(source, chain)
        return self._named[source.name, chain]

    def _resolve(self, source: Source, chain: Chain) -> bool:
        name = chain[0]
        found = source.bound.get(name, ())
        stars = [star for star in source.stars if self._gives(star, name, set())]
        is_twice = len(found) + len(stars) > 1
        if is_twice:
            self._in_order.add(source.name)
        for statement in found:
            if is_twice or not statement.is_import:
                self._count(source, statement)
            if target := statement.imported.targets.get(name):
                self._bind(source, name, target)
                self._go(source, target, chain)
        for star in stars:
            self._bind(source, "*", f"{star}, {len(source.stars)}")
            self._take(star, chain)
        if is_twice and stars:
            for statement in source.statements:
                if statement.imported.stars:
                    self._count(source, statement)
        return bool(found or stars)

    def _gives(self, module: str, name: str, seen: set[str]) -> bool:
        """Whether a module's star import provides a name; a library's may provide any."""
        if not project.is_project(module):
            self._library(module)
            return False
        source = self.source(module)
        if source is None or module in seen:
            return False
        seen.add(module)
        return name in source.bound or any(self._gives(star, name, seen) for star in source.stars)

    def _go(self, source: Source, target: Target, chain: Chain) -> None:
        """Follow an imported name, with the attributes used."""
        if target.name in IMPORTERS | SEARCHERS and chain[-1] != target.name:
            self._take_pattern(source, ANY)  # under another name
        self._take(target.module, (target.name, *chain[1:]) if target.name else chain[1:])

    def _take(self, module: str, chain: Chain) -> None:
        """Count what is used of a module; all of it if the module itself is the value."""
        if not project.is_project(module):
            self._library(module)
            return
        source, inner = self.source(module), ".".join([module, *chain[:1]])
        if source is None:
            if chain and not self._is_left_out(module):  # a folder without __init__.py
                self._take(inner, chain[1:])
            return
        self._run(module)
        if not chain:
            self._take_whole(module)
            if source.package == module:
                for below in project.modules_below(module):
                    self._take_whole(below)
            return
        is_found = self._name(source, chain)
        if self._is_left_out(inner):
            return
        if chain[0] in FILES:
            for near in project.modules_below(source.package):
                self._take_whole(near)
        elif self.source(inner) or (not is_found and project.is_folder(inner)):
            self._take(inner, chain[1:])
        elif not is_found and (chain[0] == "__dict__" or not chain[0].startswith("__")):
            self._take_whole(module)  # made by __getattr__, or by another module

    def _take_whole(self, module: str) -> None:
        source = self.source(module)
        if source is None or module in self._whole:
            return
        self._whole.add(module)
        self._run(module)
        for statement in source.statements:
            if not statement.is_import:
                self._count(source, statement)
            for star in statement.imported.stars:
                self._take_whole(star)
            for name, target in statement.imported.targets.items():
                if target.name and not self.source(f"{target.module}.{target.name}"):
                    self._name(source, (name,))

    def _take_text(self, text: str) -> None:
        """A string may name a module or something in it, separated by a colon or a dot."""
        module, _, name = text.partition(":")
        if not project.is_project(module):
            return
        names = [name] if name else []
        while "." in module:
            if self.source(module):
                self._take(module, tuple(names)) if names else self._take_whole(module)
                return
            module, _, last = module.rpartition(".")
            names.insert(0, last)

    def _take_pattern(self, source: Source, pattern: str) -> None:
        """Every module that a computed name could mean."""
        level = len(pattern) - len(pattern.lstrip("."))
        pattern = absolute(pattern[level:], level, source.package)
        if ANY not in pattern:
            self._take(pattern, ())
            return
        top = pattern.partition(".")[0]
        if ANY not in top and not project.is_project(top):
            self._library(top)
        for module in project.modules_below():
            if fnmatch.fnmatchcase(module, pattern):
                self._run(module)
                self._take_whole(module)

    def _library(self, module: str) -> None:
        if found := project.version(module):
            self._libraries[project.distribution(module)] = found
