"""What reports show of the data."""

from typing import Literal

from nightloom.settings.base import Settings

Texts = Literal["full", "short", "none"]


class ReportSettings(Settings):
    """What people other than the owner of the data get to see of them."""

    texts: Texts = "full"
    """Texts of rows in reports, tables, logs, notifications and the files of a version in MLflow:
    full, short (their first 60 characters), or none; row numbers and counts are always there."""
