"""Spans of time as settings write them: 15m, 2h, 1d."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_WRITTEN = re.compile(r"([0-9]{1,5})\s*(m(?:in)?|[hd])")
_SPAN = re.compile(r"([0-9]{1,6})\s*(s|m(?:in)?|[hd])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
LONGEST = timedelta(days=100)
LEAST, MOST = timedelta(minutes=1), timedelta(days=7)


def interval_of(written: str) -> timedelta:
    """The span of time that is written so; raises ValueError for anything else."""
    match = _WRITTEN.fullmatch(written.strip().lower())
    found = int(match[1]) * _UNITS[match[2][0]] if match else None
    if found is None or not LEAST <= found <= MOST:
        raise ValueError(
            f"expected minutes, hours or days such as 15m, 2h or 1d, from {interval_text(LEAST)} "
            f"to {interval_text(MOST)}"
        )
    return found


def interval_text(span: timedelta) -> str:
    """A span of time as settings write it; in seconds if it is no whole minutes."""
    for unit, one in _UNITS.items():
        if span and not span % one:
            return f"{span // one}{unit}"
    return f"{span.total_seconds():.0f}s"


def _read(value: Any) -> Any:
    return interval_text(interval_of(str(value))) if _is_written(value) else value


def _is_written(value: Any) -> bool:
    """Whether it is a text, or the number that a file has where the unit was forgotten."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


Interval = Annotated[str, BeforeValidator(_read)]
"""Always in the greatest unit: 60m is 1h."""


def seconds_of(written: str) -> float:
    """The seconds of a span of time; raises ValueError for anything that is none."""
    match = _SPAN.fullmatch(written.strip().lower())
    unit = _UNITS.get(match[2][0], timedelta(seconds=1)) if match else None
    found = int(match[1]) * unit if match and unit else None
    if found is None or not timedelta(seconds=1) <= found <= LONGEST:
        raise ValueError(
            "expected seconds, minutes, hours or days such as 90s, 15m, 2h or 1d, from 1s to "
            f"{interval_text(LONGEST)}"
        )
    return found.total_seconds()


def _read_span(value: Any) -> Any:
    return interval_text(timedelta(seconds=seconds_of(str(value)))) if _is_written(value) else value


_FORM = {"pattern": r"^\s*[0-9]{1,6}\s*(?:[smhdSMHD]|[mM][iI][nN])\s*$"}
"""For Prefect's form, which then refuses what a run would."""
Span = Annotated[str, BeforeValidator(_read_span), Field(json_schema_extra=_FORM)]
"""The same with seconds, and longer: how long something may take."""
