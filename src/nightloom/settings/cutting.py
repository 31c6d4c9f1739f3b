"""Settings of the data stage that decide which rows are used, and which split each belongs to."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nightloom.settings.base import Settings
from nightloom.settings.data_values import (
    Column,
    Day,
    Fraction,
    Limit,
    Names,
    microseconds,
    on_night,
)
from nightloom.settings.spelling import shown

_DAYS = ("since", "until", "test_from")
"""Settings that can count back from the night."""


class CutSettings(Settings):
    """How rows become train, valid and test."""

    limit: Limit = Field(
        default=None,
        description="Use at most this many training rows, a seeded sample that keeps the "
        "proportions of the classes; valid and test are not limited",
    )
    valid_fraction: Fraction = Field(
        default=0.1,
        description="Fraction of the training rows that becomes the validation split, if the "
        "source has none",
    )
    test_fraction: Fraction = Field(
        default=0.1,
        description="Fraction of the training rows that becomes the test split, if the source "
        "has none",
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=1, description="Seed for splitting and sampling the rows"
    )
    group: Column = Field(
        default=None,
        description="Column of what a row belongs to (a customer, a thread): rows of one group are "
        "in one split. For CoNLL files: document, if -DOCSTART- lines mark documents",
    )
    time: Column = Field(
        default=None,
        description="Column of a row's time: a test split cut from train then consists of the "
        "newest rows",
    )
    test_from: Day = Field(
        default=None,
        description="With time: the test split is the rows from this day on (2026-11-26, or -30d "
        "before the night); by default the newest test_fraction of the rows",
    )
    since: Day = Field(
        default=None,
        description="With time: use only rows from this day on (2026-11-26, or -90d before the "
        "night)",
    )
    until: Day = Field(
        default=None,
        description="With time: use only rows before this day (2026-11-26, or -1d before the "
        "night)",
    )
    keep: Names = Field(
        default=None,
        description="Columns whose values are kept with the rows: those that register.slices names "
        "are kept without this",
    )
    near: Literal["drop", "keep_together", "leave"] = Field(
        default="drop",
        description="What to do with training rows that are near-duplicates of a test row: leave "
        "them out of train, keep rows that are near each other in one part, or leave them in",
    )
    near_threshold: Annotated[float, Field(ge=0.3, le=1)] = Field(
        default=0.5,
        description="How alike two texts of five words or more are to be near-duplicates: the "
        "Jaccard similarity of their runs of three words, from 0.3 to 1",
    )

    def dated(self, night: date) -> Self:
        """Replace every day that counts back from the night by a date."""
        days = {name: on_night(getattr(self, name), night) for name in _DAYS}
        changed = {name: day for name, day in days.items() if day != getattr(self, name)}
        return self.model_copy(update=changed) if changed else self

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        for name in _DAYS:
            if self.time is None and (day := getattr(self, name)) is not None:
                raise ValueError(
                    f"data.{name}={day} needs data.time, the column of the rows' times; give that "
                    f"as well, or leave out data.{name}"
                )
        if self.time is not None and self.group is not None:
            raise ValueError(
                f"data.group={shown(self.group, 40)} and data.time={shown(self.time, 40)} cannot "
                "both decide a row's split: a group may have rows on both sides of a day; "
                "give one of them"
            )
        if self.time is not None and self.near == "keep_together":
            raise ValueError(
                f"data.near=keep_together with data.time={shown(self.time, 40)}: the time says on "
                "which side a row is; leave out data.near, which then drops what is near"
            )
        since, until = self.since or "-", self.until or "-"
        dated = since[0] != "-" != until[0]
        if dated and microseconds(since) >= microseconds(until):
            raise ValueError(
                f"data.since={since} is not before data.until={until}; expected an earlier day"
            )
        return self
