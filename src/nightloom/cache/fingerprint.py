"""What code a stage runs: the definitions that its builder reaches, and the libraries they use.

Nothing is imported to find out: modules are read as syntax trees (`cache/source.py`), so that a
cached run stays light. From a function, class or constant one follows the names it uses; a class
counts whole. Where names do not tell, too much counts: a module that is passed on as a value, one
that is imported by a computed name, statements that do something as soon as a module is imported.
"""

import contextlib
import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nightloom.cache.walk import Walk


@dataclass(frozen=True)
class Fingerprint:
    """The code behind a stage: one digest a module, one version a library."""

    modules: dict[str, str]
    """Of each module's definitions that are reached."""
    libraries: dict[str, str]
    definitions: frozenset[str] = frozenset()
    """What is reached, as `module:name`."""


def fingerprint(roots: Iterable[str], *, without: tuple[str, ...] = ()) -> Fingerprint:
    """Follow what is used from the `roots`, but not into modules or packages named in `without`.

    roots: `module`, which counts whole, or `module:name`; among them what functions marked as
    `by_declaration` load.

    Raises:
        ModuleNotFoundError: A root is no module of the project.
        AttributeError: A root is no name of its module.
    """
    walk = Walk(without)
    with _uncollected():
        for root in roots:
            walk.root(root)
        walk.follow()
        return Fingerprint(walk.modules(), walk.libraries(), walk.definitions())


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which takes two fifths of the time: trees are many objects."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
