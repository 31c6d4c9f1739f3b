"""Settings of `nightloom backfill`: a model's flow, and the days that it is run for."""

from datetime import UTC, date, datetime, timedelta
from typing import Self

from pydantic import model_validator

from nightloom.errors import InputError
from nightloom.settings.base import Settings
from nightloom.settings.data_values import microseconds
from nightloom.settings.flows import FlowSettings
from nightloom.settings.nightly import NightlyModel
from nightloom.settings.spelling import shown


class BackfillSettings(Settings):
    """A model, and the days for which it is trained as a night of that day would have been."""

    model: NightlyModel
    """The flow and its settings."""
    first: date
    """The first day."""
    last: date
    """The last day."""
    registers: bool = False
    """Whether each day's model is checked, registered and judged as in a night."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            check_days(self.first, self.last)
            check_dated(self.model.parsed())
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def days(self) -> list[date]:
        """All days, in order."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def title(self) -> str:
        """The model's name in reports and in the registry."""
        return self.model.parsed().registry.name or self.model.title


def day_of(text: str, option: str) -> date:
    """A day as written after an option.

    Raises:
        InputError: It is none.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InputError(
            f"expected a day such as 2026-11-26 after {option}, got {shown(text, 60)}"
        ) from None


def check_days(first: date, last: date) -> None:
    """Raises InputError unless the days are in order, and none of them is still to come."""
    today = datetime.now(UTC).date()
    if first > last:
        raise InputError(f"expected --from before --to, got {first} and {last}; exchange them")
    if last > today:
        raise InputError(
            f"expected days up to today, {today} in UTC, got --to {last}: its rows are still to "
            f"come; --to {today} is the last that can be"
        )


def check_dated(settings: FlowSettings) -> None:
    """Raises InputError for settings with which every day would have the same rows."""
    if settings.data.time is None:
        raise InputError(
            "a backfill needs data.time=COLUMN, the column of the rows' times: it tells which rows "
            "were there on a day; without it each day would have all of them"
        )


def on_day(settings: FlowSettings, day: date) -> FlowSettings:
    """The settings with which a night of that day sees what was there: rows from before the day.

    Days that count back do so from it; data.until is the day, unless it is earlier.

    Raises:
        InputError: No row can be both from data.since on and before the day.
    """
    data = settings.data.dated(day)
    if data.until is None or microseconds(data.until) > microseconds(day.isoformat()):
        data = data.model_copy(update={"until": day.isoformat()})
    if data.since and data.until and microseconds(data.since) >= microseconds(data.until):
        raise InputError(
            f"no row is both from data.since={data.since} on and before {data.until}; begin with a "
            "later day, or give an earlier data.since"
        )
    return settings.model_copy(update={"data": data})
