"""`download_dataset`: rows from any source → train, valid and test splits in Arrow.

A local file is identified by its content, wherever it is; a hub's data set by its commit.
"""

from typing import Any

from nightloom.home import Home
from nightloom.settings.flows import FlowSettings
from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.logins import provide_login
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.run import run_here
from nightloom.tasks.runtime.stage import Stage

download_dataset = Stage(
    StageDeclaration(
        name="download_dataset",
        builder="nightloom.stages.download_dataset:build",
        reads=("data",),
        uses=("data.source", "data.offline", "data.version_query"),
        external="nightloom.tasks.download_dataset:source",
        code="nightloom.tasks.download_dataset:code",
        changed="nightloom.tasks.download_dataset:changed",
        check="nightloom.tasks.download_dataset:check",
        by="task",
        calls=("data", "rows"),
    )
)


def source(settings: FlowSettings) -> dict[str, Any]:
    """The content of the source, for the key."""
    from nightloom.data.sources.opened import source_identity
    from nightloom.sources import source_named

    provide_login(settings.data.source)
    identity = source_identity(settings.data)
    if told := source_named(settings.data.source).told(settings.data):
        observers().warn(told)
        if run := run_here():
            run.notes.append(told)
    return {"data.source": identity}


def code(settings: FlowSettings) -> tuple[str, ...]:
    """The modules of this kind of source."""
    from nightloom.sources import modules_of

    return modules_of(settings.data.source)


def changed(settings: FlowSettings, home: Home, parts: dict[str, Any]) -> str:
    """What is new since the champion's data; else since those that were read last."""
    from nightloom.stages.data_changes import told_changes

    return told_changes(settings, home, parts)


def check(settings: FlowSettings) -> None:
    """Check, for a plan, that the first rows can be read."""
    from nightloom.data.sources.opened import check_source

    provide_login(settings.data.source)
    check_source(settings.data)
