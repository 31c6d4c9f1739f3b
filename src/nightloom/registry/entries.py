"""Fitting metrics, parameters and tags to what MLflow takes: flat names, short texts, batches."""

import math
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    import pandas

KEY_LENGTH = 250
METRICS_A_BATCH = 900  # of 1,000 entries a request
PARAMS_A_BATCH = 100
PARAM_LENGTH = 6000


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """All finite numbers in nested metrics, by dotted name; lists and texts are left out."""
    return {
        key: float(value)
        for key, value in _flat(metrics)
        if isinstance(value, int | float) and math.isfinite(value)
    }


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested values as texts by dotted name."""
    return {key: value if isinstance(value, str) else str(value) for key, value in _flat(values)}


def cut(values: Mapping[str, str], length: int) -> dict[str, str]:
    """The same with long texts shortened, where the end tells that they are."""
    return {
        key: value if len(value) <= length else value[: length - 1] + "…"
        for key, value in values.items()
    }


def batches(
    run_id: str,
    model_id: str,
    metrics: Mapping[str, float],
    history: "pandas.DataFrame | None",
    params: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """Arguments of as few `log_batch` calls as MLflow's limits allow.

    The metrics are logged for the model as well as for its run; the history has a step an epoch.
    """
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    logged = [
        Metric(key, value, now, 0, model_id=model_id, run_id=run_id)
        for key, value in metrics.items()
    ]
    if history is not None:
        for row in history.to_dict(orient="records"):
            values = numbers({str(name): value for name, value in row.items()})
            step = int(values.pop("epoch"))
            logged += [Metric(f"history.{key}", value, now, step) for key, value in values.items()]
    written = [Param(key, value) for key, value in cut(params, PARAM_LENGTH).items()]
    while logged or written:
        yield {"metrics": logged[:METRICS_A_BATCH], "params": written[:PARAMS_A_BATCH]}
        logged, written = logged[METRICS_A_BATCH:], written[PARAMS_A_BATCH:]


def file_name(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe=" ").replace("%", "_").lstrip(".") or "_"


def model_name(name: str) -> str:
    """A name without the characters that MLflow refuses in a logged model's name."""
    return re.sub(r"[/:.%\"']", "-", name)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}.")
        else:
            yield _key(key), value


def _key(name: str) -> str:
    """A name of the characters that MLflow takes, which is no path out of its folder."""
    clean = re.sub(r"[^\w\-. /]", "_", name)
    parts = [part for part in clean.split("/") if part not in ("", ".", "..")]
    return ("/".join(parts) or "_")[:KEY_LENGTH]
