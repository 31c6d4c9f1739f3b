"""Machines on this one: network namespaces of the kernel, each with an address of its own."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

TOOLS = ("unshare", "nsenter", "ip", "mount")
WIRE = "wire"
"""A host's only way to the first one."""
_NETWORK = "10.77.0"


@dataclass(frozen=True)
class Host:
    """A machine: the network and the mounts of a process."""

    pid: int
    address: str

    def start(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> "subprocess.Popen[str]":
        """Start a command on it."""
        with (log or Path(os.devnull)).open("a") as file:
            return subprocess.Popen(
                self._entered(command),
                env=None if environment is None else dict(environment),
                stdout=file if log else subprocess.PIPE,
                stderr=subprocess.STDOUT if log else subprocess.PIPE,
                text=True,
            )

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """What a command prints on it."""
        done = subprocess.run(
            self._entered(command),
            env=None if environment is None else dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def processes(self) -> list[psutil.Process]:
        """What runs on it."""
        found = []
        for one in psutil.process_iter():
            with contextlib.suppress(OSError):
                if one.pid != self.pid and self._network == _network(one.pid):
                    found.append(one)
        return found

    def kill(self) -> None:
        """Kill what runs on it."""
        for one in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    def power_off(self) -> None:
        """Take it away, as who pulls its plug: the others hear nothing of it."""
        self.run("ip", "link", "set", WIRE, "down")
        self.kill()

    def power_on(self) -> None:
        """Connect it again."""
        self.run("ip", "link", "set", WIRE, "up")
        self.run("ip", "route", "replace", "default", "dev", WIRE)

    @cached_property
    def _network(self) -> str:
        return _network(self.pid)

    def _entered(self, command: tuple[str, ...]) -> list[str]:
        spaces = ("--user", "--net", "--mount", "--preserve-credentials", "--wd=/")
        return ["nsenter", f"--target={self.pid}", *spaces, "--", *command]


def why_none() -> str:
    """Why there are no hosts here, empty where there can be."""
    missing = [one for one in TOOLS if shutil.which(one) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    done = subprocess.run(["unshare", "-rnm", "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def _network(process: int) -> str:
    return str(Path(f"/proc/{process}/ns/net").readlink())


@contextlib.contextmanager
def hosts(count: int, hidden: Path) -> Iterator[tuple[Host, ...]]:
    """A host, and others on which the folder `hidden` is an empty one of their own; a wire from the
    first to each of them. What still runs on them at the end is killed."""
    with contextlib.ExitStack() as held:
        first = Host(held.enter_context(_space(["unshare", "-rnm"])), f"{_NETWORK}.1")
        held.callback(first.kill)
        first.run("ip", "link", "set", "lo", "up")
        made = [first]
        for number in range(2, count + 1):
            space = held.enter_context(_space(first._entered(("unshare", "-nm"))))
            other = Host(space, f"{_NETWORK}.{number}")
            held.callback(other.kill)
            near = f"wire{number}"
            wires = ("type", "veth", "peer", "name", WIRE, "netns", str(space))
            first.run("ip", "link", "add", near, *wires)
            other.run("ip", "link", "set", "lo", "up")
            for host, peer, wire in ((first, other, near), (other, first, WIRE)):
                host.run("ip", "addr", "add", host.address, "peer", peer.address, "dev", wire)
            first.run("ip", "link", "set", near, "up")
            other.power_on()
            other.run("mount", "-t", "tmpfs", "none", str(hidden))
            made.append(other)
        yield tuple(made)


@contextlib.contextmanager
def _space(unshare: list[str]) -> Iterator[int]:
    """A process in new namespaces, which says that it is there."""
    held = subprocess.Popen(
        [*unshare, "sh", "-c", "echo there; exec sleep infinity"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert held.stdout is not None
    try:
        assert held.stdout.readline() == "there\n"
        yield held.pid
    finally:
        held.kill()
        held.wait()
