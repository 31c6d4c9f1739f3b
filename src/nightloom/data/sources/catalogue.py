"""Which version of a data set TensorFlow Datasets has, read from its code without importing it.

Importing takes seconds, and TensorFlow with it; a plan and a cached night need the number alone.
"""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

_GIVEN = re.compile(r":(\d+\.\d+\.\d+|\d+\.\*\.\*|\d+\.\d+\.\*)$")
_VERSION = re.compile(
    r"^  VERSION\s*=\s*(?:tfds\.core\.|utils\.)?Version\(\s*['\"]([\d.]+)", re.MULTILINE
)
_OF_CONFIG = re.compile(r"\bversion\s*=\s*(?:tfds\.core\.|utils\.)?Version\(\s*['\"]([\d.]+)")


def version_of(name: str) -> str:
    """The version of `NAME[/CONFIG][:VERSION]` that the installed library would prepare.

    Where its code does not tell it in so many words, the library's own version stands for it.
    """
    if given := _GIVEN.search(name):
        return given[1]
    builder = re.split("[/:]", name)[0]
    for path in _files(builder):
        text = path.read_text("utf-8", errors="replace")
        found = _VERSION.findall(text) or _OF_CONFIG.findall(text)
        if len(set(found)) == 1:
            return str(found[0])
    try:
        return f"tensorflow-datasets {version('tensorflow-datasets')}"
    except PackageNotFoundError:
        return ""


def _files(builder: str) -> Iterator[Path]:
    """Where the builder of a data set may be, in both layouts of the package."""
    spec = find_spec("tensorflow_datasets")
    if spec is None or spec.origin is None or not re.fullmatch(r"\w+", builder):
        return
    root = Path(spec.origin).parent
    places = (
        root / "datasets" / builder / f"{builder}_dataset_builder.py",
        *sorted(root.glob(f"*/{builder}.py")),
        *sorted(root.glob(f"*/{builder}/{builder}.py")),
    )
    for path in places:
        if path.is_file():
            yield path
