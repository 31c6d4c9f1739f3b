"""The time of a row: the values of a time column, in any form.

An instant is a number of microseconds since 1970 in UTC. Times without a zone are UTC.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from nightloom.discretion import data_shown
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted

if TYPE_CHECKING:
    import pyarrow as pa

_DATE = re.compile(
    r"""(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})  # 26.11.2026, 11/26/2026, 2026-1-5
    | (?:[^\W\d_]{2,13},[ ])?  # Thursday,
      \d{1,2}(?:[.]|st|nd|rd|th|er)?[ -](?:de[ ])?
      [^\W\d_]{3,10}[.,]?[ -](?:de[ ])?\d{4}(?:[ ]г[.]?)?
      # 26 November 2026, 26th November 2026, 26 de noviembre de 2026, 26 ноября 2026 г.
    | [^\W\d_]{3,10}[.]?[ ]\d{1,2}(?:st|nd|rd|th)?,?[ ]\d{4}  # November 26, 2026
    | [^\W\d_]{0,2}\d{1,4}\s?[年년]\s?\d{1,2}\s?[月월]\s?\d{1,2}\s?[日号號일]  # 令和8年11月26日
      (?:\s?[(（]?[^\W\d_]{1,3}[)）]?)?(?:\s?[^\W\d_]{0,2}\s?\d{1,2}\s?[:：时時点點시].{0,12})?
    """,
    re.VERBOSE,
)
_EASTERN = re.compile(
    r"""(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월](?:\s?(\d{1,2})\s?[日号號일]
    (?:\s?(\d{1,2})\s?[:：时時点點시]\s?(\d{1,2})(?:\s?[:：分분]\s?(\d{1,2})\s?[秒초]?|\s?[分분])?)?)?
    """,
    re.VERBOSE,
)
"""2026年11月26日, 2026年11月26日 8:30, 2026년 11월 26일 8시 30분."""
_YEAR_FIRST = re.compile(
    r"""(\d{4})\s?(?P<by>[./-])\s?(\d{1,2})\s?(?P=by)\s?(\d{1,2})[.]?
    (?:[ ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?
    """,
    re.VERBOSE,
)
"""2026/1/5 8:30, 2026.11.26, 2026. 11. 26."""
_MAIL = re.compile(
    r"""(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]?)
    | (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[.,]?
    | (?:ut|utc|gmt|z|[aecmp][sd]t)""",
    re.VERBOSE | re.IGNORECASE,
)
"""Words of a date as mails have it; Python's reader passes over others, such as PM and CET."""
_CLOCK = re.compile(r"(,?\s+|T)\d{1,2}[:.h]\d{2}\D?.*")
UNDATED = -(2**63)
"""The instant of a row without a time, older than all others."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NONE = frozenset(("", "nan", "nat", "null", "none", "n/a", "na", "<na>"))
_SECONDS = 10**11
"""Numbers from here on are milliseconds instead of seconds; from a thousand times that,
microseconds, then nanoseconds."""
FORMS = (
    "a date such as 2026-11-26, 2026-11-26T08:30:00+01:00 or Thu, 26 Nov 2026 08:30:00 GMT, or "
    "seconds, milliseconds, microseconds or nanoseconds since 1970"
)


def instant(value: Any) -> int:
    """The instant of a value, UNDATED if missing; raises ValueError for other values."""
    if value is None or value != value:
        return UNDATED
    if isinstance(value, str):
        return _of_text(unicodedata.normalize("NFKC", value).strip())
    if isinstance(value, datetime):
        return of_datetime(value)
    if isinstance(value, date):
        return of_datetime(datetime(value.year, value.month, value.day))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value)
    raise ValueError(f"{type(value).__name__} {value}")


def is_dated(text: str, *, short_years: bool = False) -> bool:
    """Whether a text that is no instant looks like a date all the same, with or without a time.

    short_years: 26.11.26 does, too.
    """
    found = _DATE.match(text := text.strip())
    rest = text[found.end() :] if found else ""
    if found is None or (rest and not _CLOCK.fullmatch(rest)):
        return False
    if found[1] is None:
        return True
    first, middle, last = int(found[1]), int(found[3]), int(found[4])
    year, day = (first, last) if len(found[1]) == 4 else (last, first)
    is_year = 1900 <= year <= 2100 or (short_years and len(found[4]) == len(found[1]) == 2)
    return is_year and 1 <= min(middle, day) <= 12 and max(middle, day) <= 31


def of_datetime(moment: datetime) -> int:
    """The instant of a datetime, in UTC if it has no zone."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def told(at: int) -> str:
    """An instant in ISO 8601, as short as possible."""
    moment = _EPOCH + at * _MICROSECOND
    if not at % (86_400 * 10**6):
        return f"{moment:%Y-%m-%d}"
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _of_text(text: str) -> int:
    if text.lower() in _NONE:
        return UNDATED
    with suppress(ValueError):
        return _of_number(int(text) if text.lstrip("+-").isdecimal() else float(text))
    with suppress(ValueError):
        return of_datetime(datetime.fromisoformat(text.replace("/", "-", 2)))
    with suppress(ValueError):
        return of_datetime(datetime.fromisoformat(f"{text}-01"))
    if found := _EASTERN.fullmatch(text) or _YEAR_FIRST.fullmatch(text):
        year, month, day, *clock = (one for one in found.groups() if one not in (".", "/", "-"))
        hour, minute, second = (int(part or 0) for part in clock)
        days = int(year), int(month), int(day or 1)
        return of_datetime(datetime(*days, hour, minute, second))
    if _is_of_mail(text):
        with suppress(ValueError, TypeError):
            return of_datetime(parsedate_to_datetime(text))
    raise ValueError(f"'{text}'")


def _is_of_mail(text: str) -> bool:
    """Whether each word of a date is one that its reader takes into account."""
    plain = re.sub(r"\([^)]*\)\s*$", "", text)  # a comment, in which mails repeat the zone
    return all(map(_MAIL.fullmatch, re.findall(r"[^\W\d_]+", plain)))


def _of_number(number: float) -> int:
    """A year, a day as YYYYMMDD, one with its time, or a count whose unit follows from its size."""
    if number == number // 1:  # 20261126.0, as pandas writes where other rows have none
        number = int(number)
        if 1000 <= number <= 2999:
            return of_datetime(datetime(number, 1, 1))
        if 1000_01_01 <= number <= 2999_12_31:
            with suppress(ValueError):
                return of_datetime(datetime.strptime(str(number), "%Y%m%d"))
            if 1900_00_00 <= number <= 2100_00_00:  # 20260231: no seconds of 1970
                raise ValueError(str(number))
        if 1900_00_00_00_00 <= number <= 2100_00_00_00_00:  # no milliseconds of 1976
            return of_datetime(datetime.strptime(str(number), "%Y%m%d%H%M"))
        if 1900_00_00_00_00_00 <= number <= 2100_00_00_00_00_00:  # no milliseconds of 2572
            return of_datetime(datetime.strptime(str(number), "%Y%m%d%H%M%S"))
    if abs(number) < _SECONDS:
        return round(number * 10**6)
    if abs(number) < _SECONDS * 10**3:
        return round(number * 10**3)
    if abs(number) < _SECONDS * 10**6:
        return round(number)
    if abs(number) < _SECONDS * 10**9:
        return int(number // 1000)
    raise ValueError(str(number))


def instants(values: Iterable[Any], column: str, place_of: Callable[[int], str]) -> list[int]:
    """The instants of some rows; `place_of` describes where the row at a position is.

    Raises InputError with place and value for anything that is not a time.
    """
    found = []
    for at, value in enumerate(values):
        try:
            found.append(instant(value))
        except (ValueError, OverflowError):
            raise InputError(
                f"{place_of(at)}: {quoted(column, 40)} must hold {FORMS}, got "
                f"{type(value).__name__} {data_shown(str(value), 40)}; fix it, leave it empty, "
                "or name another column in data.time"
            ) from None
    return found


def instants_of_array(array: "pa.Array", column: str, place_of: Callable[[int], str]) -> list[int]:
    """The instants of an Arrow column; raises InputError like `instants`."""
    import pyarrow as pa

    if not pa.types.is_timestamp(array.type):
        return instants(array.to_pylist(), column, place_of)
    as_microseconds = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
    numbers = as_microseconds.cast(pa.int64()).to_pylist()
    return [UNDATED if number is None else number for number in numbers]
