"""From which probability on a version's answers are right often enough, as `evaluate` found it."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.registry.store import open_client
from nightloom.registry.versions import Version
from nightloom.settings.score import PRECISIONS

METRICS = "evaluation/metrics.json"
"""In the run that made a version."""


def check_precision(precision: float) -> None:
    """Raise InputError for a precision that no version has a threshold for."""
    if precision not in PRECISIONS:
        known = ", ".join(map(str, PRECISIONS))
        raise InputError(
            f"expected a precision for which versions have a threshold, {known}, got {precision:g}"
        )


def threshold_of(home: Home, version: Version, precision: float) -> float:
    """The probability from which on the version's answers were right that often, on the rows that
    chose its best epoch.

    Raises:
        InputError: No version has a threshold for this precision, or this one has none.
        RunError: The store does not answer.
    """
    check_precision(precision)
    given = _metrics(home, version).get("abstention")
    found: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    named = f"{version.name}/{version.version}"
    line = found.get(f"{precision:.0%}".rstrip("%"))
    if not isinstance(line, Mapping):
        raise InputError(
            f"{named} carries no thresholds (an earlier release or something else made it); run "
            "its flow again for a version that does, or leave the precision out"
        )
    threshold = line.get("threshold")
    if threshold is None:
        reached = [f"0.{name}" for name, one in found.items() if one.get("threshold") is not None]
        way = f"ask for {' or '.join(reached)}, or leave it out" if reached else "leave it out"
        raise InputError(f"no threshold of {named} reaches a precision of {precision:g}; {way}")
    return float(threshold)


def _metrics(home: Home, version: Version) -> Mapping[str, Any]:
    if not version.run_id:
        return {}
    client = open_client(home.tracking_uri)
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as folder:
        try:
            path = Path(client.download_artifacts(version.run_id, METRICS, folder))
            read = json.loads(path.read_text("utf-8"))
        except (MlflowException, OSError, ValueError):  # it has none, or its run was deleted
            return {}
    return read if isinstance(read, Mapping) else {}
