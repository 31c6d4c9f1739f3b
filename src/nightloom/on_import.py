"""An action to run as soon as a heavy module is imported, by anyone."""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def on_import(name: str, action: Callable[[], None]) -> None:
    """Call `action` after module `name` is imported; now, if it already is."""
    if name in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Once(name, action))


class _Once(MetaPathFinder):
    def __init__(self, name: str, action: Callable[[], None]) -> None:
        self._name = name
        self._action = action

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self._action()

            loader.exec_module = exec_module
        return spec
