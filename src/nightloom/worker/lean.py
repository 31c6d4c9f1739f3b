"""TensorFlow in two thirds of its time to import, by what Keras then does not import.

Keras imports matplotlib and scikit-learn, with SciPy's statistics, where they are installed: for
galleries of images and for estimators of its own, which no stage uses.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

OPTIONAL = ("matplotlib", "sklearn")


class WithoutForKeras:
    """A finder to which the packages are not installed where Keras asks; all others find them."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None, so that the next finder is asked; raises `ModuleNotFoundError` to Keras."""
        if name in OPTIONAL and _importer().startswith("keras.src."):
            raise ModuleNotFoundError(f"{name} is left out here", name=name)
        return None


def import_leanly() -> None:
    """For the rest of this process, Keras imports nothing that it can do without."""
    if WithoutForKeras not in sys.meta_path:
        sys.meta_path.insert(0, WithoutForKeras)


def _importer() -> str:
    """The name of the module whose import statement is being run."""
    depth = 2
    while (name := sys._getframe(depth).f_globals.get("__name__", "")).startswith("importlib."):
        depth += 1
    return str(name)
