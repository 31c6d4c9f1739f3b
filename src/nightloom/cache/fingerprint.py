"""What code a stage runs: the definitions that its builder reaches, and the libraries they use.

Nothing is imported for this: modules are read as syntax trees (`cache/source.py`), so a cached run
stays light. Names used by a function, class or constant are followed; a class counts as a whole.
If names are not enough, too much counts: a module that is passed as a value or imported by a
computed name, and statements with side effects on import.
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
    """Digest of each module's reached definitions."""
    libraries: dict[str, str]
    definitions: frozenset[str] = frozenset()
    """What is reached, as `module:name`."""


def fingerprint(roots: Iterable[str], *, without: tuple[str, ...] = ()) -> Fingerprint:
    """Follow everything used from `roots`, except into modules or packages named in `without`.

    roots: `module`, which counts as a whole, or `module:name`; including what functions marked as
    `by_declaration` load.

    Raises:
        ModuleNotFoundError: A root is not a module of the project.
        AttributeError: A root is not a name in its module.
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
