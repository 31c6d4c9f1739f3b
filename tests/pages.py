"""The commands of a page of the docs, and a shell that runs them one after another."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
SHELLS = ("sh", "bash", "console")
PROMPT = "$ "
STEP = 0.2


@dataclass(frozen=True)
class Command:
    """A command as the page has it, and what the page shows below it."""

    text: str
    shown: tuple[str, ...] = ()

    def matches(self, output: str) -> bool:
        """Whether these lines are there, in this order; `...` stands for any number of others."""
        lines = [line for line in self.shown if line != "..."]
        pattern = r"(?:.*\n)*?".join(rf"\s*{re.escape(line.strip())}\s*\n" for line in lines)
        return re.search(pattern, output + "\n") is not None


def read(page: str) -> str:
    """A page of docs/."""
    return (REPOSITORY / "docs" / f"{page}.md").read_text("utf-8")


def fences(text: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page, each with its language."""
    return FENCE.findall(text)


def commands(text: str) -> Iterator[Command]:
    """The commands of a page in their order: of blocks for a shell each, of others those behind a
    prompt, with what is shown below them. A program in Python is one, too."""
    for language, block in fences(text):
        if block.startswith(PROMPT):
            for one in re.split(rf"(?m)^{re.escape(PROMPT)}", block)[1:]:
                first, *shown = one.splitlines()
                yield Command(first, tuple(shown))
        elif language in SHELLS:
            yield from map(Command, _whole(block))
        elif language == "python":
            yield Command(f"python - <<'PYTHON'\n{block}PYTHON")


def inline(text: str) -> list[str]:
    """The commands of nightloom that the page names between backticks, each once; not those that
    leave out something (`…`) or stand for any (`nightloom run`)."""
    prose = FENCE.sub("", text)
    found = re.findall(r"`(nightloom (?:deploy|flows|models|cache verify)\b[^`…]*)`", prose)
    return list(dict.fromkeys(" ".join(one.split()) for one in found))


def _whole(block: str) -> Iterator[str]:
    """The commands of a block, by what bash takes for a whole one."""
    lines: list[str] = []
    for line in block.splitlines():
        lines.append(line)
        text = "\n".join(lines)
        checked = subprocess.run(
            ["bash", "-n"], input=text + "\n", capture_output=True, text=True, check=False
        )
        if checked.returncode or checked.stderr or line.endswith("\\"):
            continue
        if text.strip() and not text.lstrip().startswith("#"):
            yield text
        lines = []
    assert not lines, f"a command without an end: {lines}"


@dataclass(frozen=True)
class Ended:
    """A command that was run: exit status, and what it wrote."""

    code: int
    output: str


class Shell:
    """One bash, as of somebody who types a page: variables and folder stay for the next command."""

    def __init__(self, folder: Path, environment: Mapping[str, str], notes: Path) -> None:
        self._notes = notes
        self._count = 0
        self._bash = subprocess.Popen(
            ["bash"], cwd=folder, env=dict(environment), stdin=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(
        self, command: str, *, typed: str = "", until: str = "", seconds: float = 1800
    ) -> Ended:
        """Run a command to its end, or press Ctrl-C when it has written `until`.

        typed: what it reads from the terminal.
        """
        self._count += 1
        script, given, output, status, pid = (
            self._notes / f"{self._count:02}.{kind}"
            for kind in ("sh", "in", "out", "status", "pid")
        )
        script.write_text(command + "\n", "utf-8")
        given.write_text(typed, "utf-8")
        line = f". {script} < {given} > {output} 2>&1"
        if until:  # a process group of its own, as a terminal's in front
            line = f"(set -m; {line} & echo $! > {pid}; wait $!)"
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{line}\necho $? > {status}.new; mv {status}.new {status}\n")
        self._bash.stdin.flush()
        deadline = time.monotonic() + seconds
        while not status.exists():
            said = output.read_text("utf-8", "replace") if output.exists() else ""
            if until and until in said:
                until = ""
                os.killpg(int(pid.read_text()), signal.SIGINT)
            assert time.monotonic() < deadline, f"{command}: no end\n{said[-3000:]}"
            assert self._bash.poll() is None, f"{command}: the shell is gone\n{said[-3000:]}"
            time.sleep(STEP)
        return Ended(int(status.read_text()), output.read_text("utf-8", "replace"))

    def close(self) -> None:
        """End the shell, and what it still runs."""
        self._bash.kill()
        self._bash.wait()
