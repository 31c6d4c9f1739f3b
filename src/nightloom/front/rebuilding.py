"""Building a version again, in a process of its own and a home of its own, empty before.

    python -m nightloom.front.rebuilding REQUEST.json

The process uses no server of Prefect but its own and no registry but that of its home, so nothing
of it is seen elsewhere. It says what happens as JSON lines on standard output and ends with its
parent, however that ends.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from nightloom.ending import kill_below, kill_tree
from nightloom.errors import InputError, NightloomError, RunError
from nightloom.home import VARIABLE, Home
from nightloom.reporting.entry import StageEntry
from nightloom.tasks.runtime.observer import Observer, watched_by

NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}
REQUEST, LOG = "request.json", "process.log"


def rebuilt(
    flow: str, settings: Mapping[str, Any], *, folder: Path, gpu: bool, observer: Observer
) -> dict[str, Any]:
    """Run a flow in the empty home `folder/home`; its report, as of `nightloom run --json`.

    Raises:
        InputError: The run found wrong input.
        RunError: It failed.
    """
    (folder / REQUEST).write_text(json.dumps({"flow": flow, "settings": settings}), "utf-8")
    with (
        (folder / LOG).open("wb") as log,
        _process(folder, log, {} if gpu else NO_GPU) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            told = json.loads(line)
            match told.pop("told"):
                case "stage":
                    observer.stage(StageEntry(**told))
                case "progress":
                    observer.progress(**told.pop("facts"), **told)
                case "log":
                    observer.log(told["message"])
                case "warn":
                    observer.warn(told["message"])
                case "failed":
                    raise (InputError if told["is_input"] else RunError)(told["message"])
                case "done":
                    report: dict[str, Any] = told["report"]
                    return report
    lines = (folder / LOG).read_text("utf-8", "replace").split("\n")
    last = next((one for one in reversed(lines) if one.strip()), "it said nothing")
    raise RunError(f"the process that builds it again ended early: {last.strip()[:300]}")


@contextlib.contextmanager
def _process(
    folder: Path, log: IO[bytes], more: Mapping[str, str]
) -> "Iterator[subprocess.Popen[bytes]]":
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PREFECT_") and not name.startswith("MLFLOW_TRACKING_")
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "nightloom.front.rebuilding", str(folder / REQUEST)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=folder,
        env={
            **kept,
            **more,
            VARIABLE: str(folder / "home"),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        },
        start_new_session=True,  # Ctrl-C is its parent's, who ends it
    )
    try:
        yield process
    finally:
        kill_tree(process.pid)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()


class _Lines:
    """Says what happens in a run as lines of JSON."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._lock = threading.Lock()

    def say(self, told: str, **more: Any) -> None:
        with self._lock:
            self._out.write(json.dumps({"told": told, **more}) + "\n")
            self._out.flush()

    def stage(self, entry: StageEntry) -> None:
        self.say("stage", **asdict(entry))

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        self.say("progress", what=what, done=done, total=total, unit=unit, facts=facts)

    def log(self, message: str) -> None:
        self.say("log", message=message)

    def warn(self, message: str) -> None:
        self.say("warn", message=message)


def main(request: Path) -> None:
    """The process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lines = _Lines(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # what libraries print
    from nightloom.front.running import carried_out
    from nightloom.records.known import find_flow
    from nightloom.settings.parse import settings_of
    from nightloom.tasks.runtime.omitting import omitting
    from nightloom.tasks.runtime.own_steps import OWN

    asked = json.loads(request.read_text("utf-8"))
    try:
        entry = find_flow(asked["flow"])
        settings = settings_of(entry.load_settings(), asked["settings"])
        with watched_by(lines), omitting({OWN: "proving a version runs no own steps"}):
            report = carried_out(entry.load(), settings, (), plan=False, call=lambda flow: flow())
    except NightloomError as error:
        lines.say("failed", message=str(error), is_input=isinstance(error, InputError))
    else:
        lines.say("done", report=report)


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    kill_below(os.getpid())
    os._exit(1)


def home_below(folder: Path) -> Home:
    """The home in which a version is built again."""
    return Home(folder / "home")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
