"""The command line under drill: started, killed, run again, compared with a calm run."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

COMPARED = (
    "download_dataset",
    "fetch_checkpoint",
    "adapt_tokenizer",
    "encode",
    "align_labels",
    "train",
    "evaluate",
)
"""Stages whose artifacts are the same in every home; `register` names versions and runs."""
PATIENCE = 300
"""Seconds after which a run counts as hanging."""
NIGHTLOOM = (sys.executable, "-m", "nightloom")


@dataclass(frozen=True)
class Outcome:
    """What a drill counted."""

    name: str
    right: int
    times: int
    note: str = ""

    @property
    def line(self) -> str:
        """A row of the table."""
        verdict = "ok" if self.right == self.times else "FAILED"
        return f"{self.right:>5} of {self.times:<5} {verdict:<7} {self.name}" + (
            f" ({self.note})" if self.note else ""
        )


@dataclass(frozen=True)
class Ran:
    """A finished run."""

    code: int
    report: dict[str, Any]
    err: str

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each stage's artifact."""
        return {one["stage"]: one["digest"] for one in self.report.get("stages", ())}

    @property
    def built(self) -> list[str]:
        """Stages that this run built."""
        return [one["stage"] for one in self.report.get("stages", ()) if one["state"] == "built"]

    @property
    def why(self) -> dict[str, str]:
        """Why each stage was built or not."""
        return {one["stage"]: one["why"] for one in self.report.get("stages", ())}

    @property
    def is_clear_failure(self) -> bool:
        """Whether it failed with exactly one line that says why, and no traceback."""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return self.code in (1, 2) and len(errors) == 1 and "Traceback" not in self.err


class Drill:
    """A flow with its settings, and a folder for homes."""

    def __init__(
        self, folder: Path, flow: str, settings: list[str], *, times: int, seed: int, api_url: str
    ) -> None:
        self.folder = folder
        self.flow = flow
        self.settings = settings
        self.times = times
        self.seed = seed
        self.environment = {**os.environ, "PREFECT_API_URL": api_url}
        self.environment["PREFECT_HOME"] = str(folder / "prefect-client")

    def home(self, name: str) -> Path:
        """A folder for a home; not there yet."""
        return self.folder / name

    def temporary(self, home: Path) -> Path:
        """The directory for temporary files of a home's runs."""
        return home.with_name(f"{home.name}-tmp")

    def start(self, home: Path, *more: str, **options: Any) -> subprocess.Popen[str]:
        """Start the flow in a process group of its own; options as those of `Popen`."""
        temporary = self.temporary(home)
        temporary.mkdir(parents=True, exist_ok=True)
        given = options.pop("env", {})
        return subprocess.Popen(
            [*NIGHTLOOM, "run", self.flow, *self.settings, *more, "--json"],
            env={
                **self.environment,
                "NIGHTLOOM_HOME": str(home),
                "TMPDIR": str(temporary),
                **given,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,
            **options,
        )

    def finish(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for a run; one that hangs is killed and counts as failed."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            kill(process)
            out, err = process.communicate()
            return Ran(-1, {}, f"hung for {PATIENCE} s\n{err}")
        try:
            report = json.loads(out)
        except ValueError:
            report = {}
        return Ran(process.returncode, report, err)

    def run(self, home: Path, *more: str, **options: Any) -> Ran:
        """Run the flow to its end."""
        return self.finish(self.start(home, *more, **options))

    @cached_property
    def calm(self) -> Ran:
        """An undisturbed run in a home of its own, named calm."""
        ran = self.run(self.home("calm"))
        if ran.code:
            raise SystemExit(f"the undisturbed run failed:\n{ran.err}")
        return ran

    def copy_of_calm(self, name: str) -> Path:
        """A home as the undisturbed run left it."""
        _ = self.calm
        home = self.home(name)
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.home("calm"), home, symlinks=True)
        return home

    def same(self, ran: Ran, what: str = "") -> bool:
        """Whether a run ended well and with the artifacts of the undisturbed one; says if not."""
        calm = self.calm.digests
        different = [
            stage for stage in COMPARED if stage in calm and ran.digests.get(stage) != calm[stage]
        ]
        if ran.code or different:
            print(f"{what}: exit {ran.code}, other {different}\n{ran.err[-2000:]}", flush=True)
        return ran.code == 0 and not different

    def forget(self, home: Path) -> None:
        """Remove a home and its temporary files."""
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(self.temporary(home), ignore_errors=True)


def kill(process: "subprocess.Popen[str]") -> None:
    """`kill -9` of a run's whole process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
