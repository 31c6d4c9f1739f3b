"""The command line under drill: started, killed, run again, compared with a calm run."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

COMPARED = ("download_dataset", "adapt_tokenizer", "encode", "train", "evaluate")
PATIENCE = 600
"""Seconds after which a run counts as hanging."""


@dataclass(frozen=True)
class Outcome:
    """What a drill counted."""

    name: str
    right: int
    times: int
    note: str = ""


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


class Drill:
    """A flow with its settings, and a folder for homes."""

    def __init__(self, folder: Path, flow: str, settings: list[str], times: int, seed: int) -> None:
        self.folder = folder
        self.command = [sys.executable, "-m", "nightloom", "run", flow, *settings, "--json"]
        self.times = times
        self.seed = seed

    def home(self, name: str) -> Path:
        """A folder for a home; not there yet."""
        return self.folder / name

    def start(self, home: Path, *more: str) -> subprocess.Popen[str]:
        """Start the flow in a process group of its own."""
        return subprocess.Popen(
            [*self.command, *more],
            env={**os.environ, "NIGHTLOOM_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for a run; one that hangs is killed and counts as failed."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            return Ran(-1, {}, f"hung for {PATIENCE} s\n{err}")
        try:
            report = json.loads(out)
        except ValueError:
            report = {}
        return Ran(process.returncode, report, err)

    def run(self, home: Path, *more: str) -> Ran:
        """Run the flow to its end."""
        return self.finish(self.start(home, *more))

    @cached_property
    def calm(self) -> Ran:
        """An undisturbed run in a home of its own."""
        ran = self.run(self.home("calm"))
        if ran.code:
            sys.exit(f"the undisturbed run failed:\n{ran.err}")
        return ran

    def same(self, ran: Ran) -> bool:
        """Whether a run ended well and with the artifacts of the undisturbed one."""
        calm = self.calm.digests
        return ran.code == 0 and all(
            ran.digests.get(stage) == calm[stage] for stage in COMPARED if stage in calm
        )


def leftovers(home: Path) -> list[str]:
    """What a finished run should not leave."""
    found = [str(path.relative_to(home)) for path in (home / "locks").glob("*.lock")]
    found += [str(path.relative_to(home)) for path in (home / "checkpoints").iterdir()]
    return found
