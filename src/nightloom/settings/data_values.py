"""Types of values that only data settings have, as written on a command line."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nightloom.settings.base import Blank
from nightloom.settings.spelling import listed


def absent(value: Any) -> Any:
    """Parse the command line's spellings of 'not given' as None."""
    if isinstance(value, str) and value.strip().lower() in ("", "none", "null"):
        return None
    return value


def _names(value: Any) -> Any:
    """Parse `a,b` as the two names a and b."""
    value = absent(value)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        if not value or any(not name.strip() for name in value):
            raise ValueError(f"expected names separated by commas, none of them empty; got {value}")
        twice = sorted({name for name in value if list(value).count(name) > 1})
        if twice:
            raise ValueError(f"expected distinct names; {listed(twice)} is repeated")
    return value


def scheme_name(value: Any) -> Any:
    """Parse aliases of a scheme."""
    return _SCHEMES.get(value.strip().lower(), value) if isinstance(value, str) else value


_SCHEMES = {
    **dict.fromkeys(("bilou", "bioul", "biluo", "bioes", "iobes", "bmes", "bmewo"), "bilou"),
    **dict.fromkeys(("bio", "iob2", "bio2"), "iob2"),
}
Names = Annotated[tuple[str, ...] | None, BeforeValidator(_names)]
DELIMITERS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "bar": "|",
    "pipe": "|",
    "space": " ",
}


def _delimiter(value: Any) -> Any:
    """Parse a delimiter, a name or a character, to its name if it has one."""
    value = absent(value) if value not in ("\t", " ") else value
    if not isinstance(value, str):
        return value
    character = DELIMITERS.get(value.strip().lower(), value)
    if len(character) != 1 or character in '"\r\n\0\ufeff' or character.isalnum():
        raise ValueError(
            f"expected {', '.join(name for name in DELIMITERS if name.isalpha())}, or one "
            f"character other than a letter, digit or quote; got {value!r}"
        )
    return next((name for name, known in DELIMITERS.items() if known == character), character)


Delimiter = Annotated[str | None, BeforeValidator(_delimiter), Blank]
Limit = Annotated[Annotated[int, Field(gt=0)] | None, BeforeValidator(absent)]
SplitName = Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(absent)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


def _missing(value: Any) -> Any:
    """Parse `a,b` as two labels that mean missing; an empty list adds none to the empty label."""
    value = absent(value)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, list | tuple) and not all(isinstance(name, str) for name in value):
        raise ValueError(f"expected labels as text, got {value}; quote them")
    return value


MissingLabels = Annotated[tuple[str, ...] | None, BeforeValidator(_missing)]


_AGO = re.compile(r"-(\d{1,6})\s*([dw])")
_DAYS = {"d": 1, "w": 7}


def _day(value: Any) -> Any:
    """Read a day or a time of one in ISO 8601, or so many days or weeks before the night."""
    value = absent(value)
    if value is None:
        return None
    if isinstance(value, datetime | date):  # as YAML reads them
        value = value.isoformat()
    text = str(value).strip()
    if match := _AGO.fullmatch(text.lower()):
        return f"-{int(match[1])}{match[2]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "expected a date such as 2026-11-26 or 2026-11-26T08:30, or days or weeks before the "
            f"night such as -90d or -12w; got '{text}'"
        ) from None
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            raise ValueError(f"expected a date after the year 1, got '{text}'") from None
    whole = moment == datetime(moment.year, moment.month, moment.day)
    return moment.date().isoformat() if whole else moment.isoformat() + "Z"


def on_night(day: str | None, night: date) -> str | None:
    """A day that may count back from the night as one that does not."""
    if day is None or not (match := _AGO.fullmatch(day)):
        return day
    try:
        return (night - timedelta(days=int(match[1]) * _DAYS[match[2]])).isoformat()
    except OverflowError:
        return date.min.isoformat()


def microseconds(day: str) -> int:
    """A day that does not count back, in UTC, as microseconds since 1970."""
    moment = datetime.fromisoformat(day)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


Day = Annotated[str | None, BeforeValidator(_day)]
Column = Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(absent)]


def separator(delimiter: str | None) -> str | None:
    """The character that a delimiter stands for; None if there is none."""
    return delimiter and DELIMITERS.get(delimiter, delimiter)
