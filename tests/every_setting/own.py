"""Own steps that runs of the array have around them."""

from typing import Any


def before() -> str:
    """What the step after takes."""
    return "before"


def after(previous: Any, version: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Fails unless it is given what is documented."""
    assert previous in ("before", None) and version["version"] > 0 and metrics


def after_all(previous: Any) -> None:
    """Of a night."""
    assert previous in ("before", None)
