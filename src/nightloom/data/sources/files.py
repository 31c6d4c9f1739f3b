"""Local files and folders."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from nightloom.data.formats.counting import rows_of
from nightloom.data.formats.files import SourceFile, files_identity
from nightloom.data.formats.known import ENDINGS
from nightloom.data.sources.changes import told_change
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.opened import Files
from nightloom.data.sources.unused import refuse_unused
from nightloom.data.tasks import examples_of
from nightloom.progress import Report
from nightloom.settings.data import DataSettings
from nightloom.sources import Source


def find(settings: DataSettings, report: Report | None = None) -> Files:
    """The files that would be read; raises InputError like `look_into` and `refuse_unused`."""
    del report
    found = look_into(settings.source, ENDINGS[settings.task], settings.chosen_splits)
    refuse_unused(settings, {file.format for file in found.files.values()})
    return replace(found, rows=counter(settings))


def counter(settings: DataSettings) -> Callable[[SourceFile], int | None]:
    """Counts the rows of a file as read with these settings."""
    quoted = getattr(settings, "quoted", None) is not False
    return lambda file: rows_of(file, header=settings.columns is None, quoted=quoted)


def identity(settings: DataSettings) -> Mapping[str, Any]:
    """The content of the files, and the names of unread ones."""
    found = find(settings)
    is_to_answer = settings.task == "rows"  # no rows have no answers; they train nothing
    described = {"files": files_identity(found.files, may_be_empty=is_to_answer)}
    return {**described, "left_out": sorted(found.left_out)} if found.left_out else described


def check(settings: DataSettings) -> None:
    """Check the first rows of each file."""
    found, reader = find(settings), examples_of(settings.task).reader(settings)
    for file in found.files.values():
        for part in file.parts:
            for _ in islice(reader.read(part), 1):
                pass


def changed(settings: DataSettings, before: Mapping[str, Any]) -> str:
    """Which files are new, and how many rows changed files have."""
    return told_change(find(settings), before.get("files", ()))


RECORD = Source(prefix="", open=find, identity=identity, changed=changed, check=check)
