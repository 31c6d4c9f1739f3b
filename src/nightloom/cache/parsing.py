"""Python's parser, for more than one thread."""

import ast
import contextlib
import threading
from typing import Any

TRIES = 20
_PARSING = threading.Lock()


def parse(source: bytes | str, name: str, *, mode: str = "exec") -> Any:
    """Parse; again where another thread did so too.

    CPython 3.11 counts the depth of all threads' trees together and takes a switch between two of
    them for an error. A lock keeps ours apart; libraries parse as well (pydantic, docstrings).

    Raises:
        SyntaxError: It is no Python.
    """
    with _PARSING:
        for _ in range(TRIES - 1):
            with contextlib.suppress(SystemError):
                return ast.parse(source, name, mode)
        return ast.parse(source, name, mode)
