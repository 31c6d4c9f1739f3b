"""nightloom: nightly retraining of transformer text models, as flows that can be trusted."""

from typing import TYPE_CHECKING, Any

from nightloom.errors import InputError, NightloomError, RunError

if TYPE_CHECKING:
    from nightloom.front.loading import Model, load_model
    from nightloom.front.report import Report
    from nightloom.front.running import run

__version__ = "0.2.0"
__all__ = [
    "InputError",
    "Model",
    "NightloomError",
    "Report",
    "RunError",
    "load_model",
    "run",
]

_LATER = {"Model": "loading", "Report": "report", "load_model": "loading", "run": "running"}
"""Imported when first asked for: `import nightloom` stays light."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"nightloom.front.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
