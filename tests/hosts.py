"""Two machines on this one: network namespaces of the kernel, each with an address of its own."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TOOLS = ("unshare", "nsenter", "ip", "mount")
_ADDRESSES = ("10.77.0.1", "10.77.0.2")


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

    def _entered(self, command: tuple[str, ...]) -> list[str]:
        spaces = ("--user", "--net", "--mount", "--preserve-credentials", "--wd=/")
        return ["nsenter", f"--target={self.pid}", *spaces, "--", *command]


def why_none() -> str:
    """Why there are no two hosts here, empty where there can be."""
    missing = [one for one in TOOLS if shutil.which(one) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    done = subprocess.run(["unshare", "-rnm", "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


@contextlib.contextmanager
def two_hosts(hidden: Path) -> Iterator[tuple[Host, Host]]:
    """A host, and another one on which the folder `hidden` is not there; a wire between them."""
    with _space(["unshare", "-rnm"]) as first:
        server = Host(first, _ADDRESSES[0])
        with _space(server._entered(("unshare", "-nm"))) as second:
            client = Host(second, _ADDRESSES[1])
            wires = ("wire0", "type", "veth", "peer", "name", "wire1", "netns", str(second))
            server.run("ip", "link", "add", *wires)
            for host, wire in ((server, "wire0"), (client, "wire1")):
                host.run("ip", "link", "set", "lo", "up")
                host.run("ip", "addr", "add", f"{host.address}/24", "dev", wire)
                host.run("ip", "link", "set", wire, "up")
            client.run("mount", "-t", "tmpfs", "none", str(hidden))
            yield server, client


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
