"""`read_rows`: the rows of any source, without labels → texts in Arrow.

They are read as the version's training rows were; so another reading is another key.
"""

from typing import Any

from nightloom.settings.score import ScoreSettings
from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.logins import provide_login
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.run import Run, current_run, run_here
from nightloom.tasks.runtime.stage import Stage

READING = "reading"


class ReadRows(Stage):
    """Reads as the version was trained."""

    def known(self, run: Run) -> dict[str, Any]:
        """How the version's training rows were read."""
        return {READING: run.facts[READING]}


def source(settings: ScoreSettings) -> dict[str, Any]:
    """The content of the source, for the key."""
    from nightloom.data.inputs.source_rows import located, said_in_settings
    from nightloom.data.sources.opened import source_identity
    from nightloom.sources import source_named

    at: Any = located(settings.data)
    provide_login(at.source)
    with said_in_settings():
        identity = source_identity(at)
    if told := source_named(at.source).told(at):
        observers().warn(told)
        if run := run_here():
            run.notes.append(told)
    return {"data.source": identity}


def code(settings: ScoreSettings) -> tuple[str, ...]:
    """The modules of this kind of source."""
    from nightloom.sources import modules_of

    return modules_of(settings.data.source or "")


def check(settings: ScoreSettings) -> None:
    """Check, for a plan, that the first rows of files can be read, and a hub's settings."""
    from nightloom.data.inputs.source_rows import (
        located,
        open_rows,
        read_source,
        said_in_settings,
    )
    from nightloom.progress import SILENT
    from nightloom.sources import source_named
    from nightloom.stages.read_rows import reading_of

    at = located(settings.data)
    provide_login(at.source)
    kind = source_named(at.source)
    if kind.prefix:
        with said_in_settings():
            kind.check(at)
        return
    how = reading_of(settings.data, current_run().facts[READING])
    next(read_source(open_rows(at, SILENT), at.source, how, lambda line: None), None)


read_rows = ReadRows(
    StageDeclaration(
        name="read_rows",
        builder="nightloom.stages.read_rows:build",
        reads=("data",),
        uses=("data.source", "data.offline", "data.version_query"),
        external="nightloom.tasks.read_rows:source",
        code="nightloom.tasks.read_rows:code",
        check="nightloom.tasks.read_rows:check",
    )
)
