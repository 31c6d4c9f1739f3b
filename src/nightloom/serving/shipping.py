"""Puts the prediction code into a version's files, so that MLflow needs no nightloom."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

CODE = "code"
"""Folder of the code among a version's files."""


def ship(folder: Path, *, columns: Sequence[str]) -> str:
    """Write the code and the text columns' names below `folder`; returns the module to load.

    The package is named after its content, so two versions in one process never share code that
    differs.
    """
    from nightloom.serving.answers import pyfunc

    sources = sorted(Path(pyfunc.__file__).parent.glob("*.py"))
    content = {path.name: path.read_bytes() for path in sources}
    digest = hashlib.sha256(b"\0".join(b"\0".join((n.encode(), t)) for n, t in content.items()))
    package = f"answers_{digest.hexdigest()[:12]}"
    (folder / CODE / package).mkdir(parents=True)
    for name, text in content.items():
        (folder / CODE / package / name).write_bytes(text)
    described = json.dumps({"columns": list(columns)}, ensure_ascii=False, indent=1)
    (folder / pyfunc.DESCRIPTION).write_text(described + "\n", encoding="utf-8")
    return f"{package}.{Path(pyfunc.__file__).stem}"
