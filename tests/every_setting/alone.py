"""Rows in a process of their own.

One that has two CPUs for TensorFlow takes a single row: TensorFlow must know of them before it
starts, and what devices share with each other outlives a model: the next one with other shapes
would fail on it. Others take some rows: what XLA compiled for a row stays in its process, which
may have only so many memory maps.
"""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from nightloom.errors import InputError
from tests.every_setting.array import Row
from tests.naming import ROOT

ROWS = 20
MAPS = 20_000
"""After so many rows, or with so many memory maps, a process is ended."""


class Alone:
    """A process that runs rows of a flow to an answer, and its successors."""

    def __init__(self, flow: str, *, devices: int = 1) -> None:
        self._command = [sys.executable, "-m", "tests.every_setting.alone", flow, str(devices)]
        self._rows = ROWS if devices == 1 else 1
        self._left = 0
        self._process: subprocess.Popen[str] | None = None

    def run(self, row: Row) -> None:
        """Run a row.

        Raises:
            InputError: It is refused.
            RuntimeError: It failed.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(row) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        self._left -= 1
        if not line or not self._left or self._maps() > MAPS:
            self.close()
        if not line:
            raise RuntimeError(f"no outcome: its process ended with {process.returncode}")
        answer = json.loads(line)
        if "refused" in answer:
            raise InputError(answer["refused"])
        if "failed" in answer:
            raise RuntimeError(answer["failed"])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _maps(self) -> int:
        assert self._process is not None
        try:
            return len(Path(f"/proc/{self._process.pid}/maps").read_bytes().splitlines())
        except OSError:
            return 0

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._left = self._rows
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._process


def main(flow: str, devices: int) -> None:
    """For each row on a line of standard input, print what came of it as JSON."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if devices > 1:
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * devices,
        )
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from nightloom.records.known import find_flow
    from tests.every_setting.drive import described
    from tests.every_setting.runner import in_this_process, parse, run_to_an_answer

    one = find_flow(flow)
    for line in sys.stdin:
        outcome = {}
        try:
            with in_this_process():
                run_to_an_answer(one.load(), parse(one.load_settings(), json.loads(line)))
        except InputError as error:
            outcome = {"refused": str(error)}
        except Exception as error:
            outcome = {"failed": described(error)}
        print(json.dumps(outcome), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
