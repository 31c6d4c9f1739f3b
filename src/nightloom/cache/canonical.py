"""Canonical JSON and its SHA-256: equal values give equal bytes in every process."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """Serialise `value` with sorted keys and no white space.

    Raises:
        TypeError: `value` holds something that JSON cannot represent (a set, bytes, an object).
        ValueError: `value` holds a number that is not finite.
    """
    _check(value, "value")
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _check(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"expected text as key in {where}, got {key!r}")
            _check(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _check(item, f"{where}[{number}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"expected a finite number in {where}, got {value!r}")
    elif value is not None and not isinstance(value, str | bool | int | float):
        raise TypeError(f"expected plain JSON in {where}, got {type(value).__name__}")


def digest_of(value: Any) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
