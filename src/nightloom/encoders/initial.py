"""Initial weights, drawn from a generator of their own.

Keras draws the seed of each initializer from Python's process-wide `random`, which other threads of
the process draw from as well: which weights a model starts with would then depend on chance.
"""

import random
from contextlib import AbstractContextManager
from contextvars import ContextVar

from nightloom.scoped import scoped

_SEEDS: ContextVar[random.Random | None] = ContextVar("seeds of initial weights", default=None)


def starting_from(seed: int) -> AbstractContextManager[random.Random | None]:
    """Models made inside start with the weights that follow from `seed`, whatever else runs.

    The weights are those that `keras.utils.set_random_seed(seed)` gives where no
    other thread draws.
    """
    return scoped(_SEEDS, random.Random(seed))


def next_seed() -> int | None:
    """The seed of the next initializer; outside of `starting_from` None, and Keras draws one."""
    seeds = _SEEDS.get()
    return None if seeds is None else seeds.randint(1, 10**9)
