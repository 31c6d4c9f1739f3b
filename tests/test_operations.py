"""docs/operations.md from an empty folder: every command that it shows, in the order of the page.

`python -m tests --long operations` runs them in one shell, with the real stack on ports of its own,
and prints how long each took; then those that the page names in its sentences, of which `deploy`
only says what it would do.
"""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.hook import Hook
from tests.pages import Command, Shell, commands, inline, read
from tests.ports import free_port
from tests.postgres import postgres, programs
from tests.proxy import write_certificate

COMMANDS = list(commands(read("operations")))
NAMED = [*map(Command, inline(read("operations")))]
ANOTHER = "127.0.0.2"
"""An address of this machine on which the stack does not listen: the proxy's."""

NOT_RUN = {
    "python3.11 -m venv --upgrade-deps .venv": "3.4 GB: --long pythons installs them",
    "docker build": "needs Docker's daemon and a registry",
    "pip install --constraint constraints.txt '.[ray]'": "installs where the tests run",
    "ray start": "--long ray has hosts for it",
    "nightloom run nightly --config nightly.yaml run.engine=ray": "--long ray has hosts for it",
    "apt-get install --yes postgresql": "needs root and a registry",
    "nightloom deploy --config deploy.yaml": "the file is that of `nightloom init`",
    "nightloom deploy notify.block=": "the block is made in the UI",
}
"""How commands begin that are not run here, and why not."""
if programs() is None:
    for _begins in ("su postgres", "export PREFECT_API_DATABASE"):
        NOT_RUN[_begins] = "PostgreSQL is not installed"

UNTIL = {"prefect worker start": "started!"}
"""What goes on until it is stopped, and what it says first."""

SAID = {
    "nightloom up -d": "Prefect   http://127.0.0.1:",
    "nightloom deploy nightly.watch=15m": "watch/nightly-watch",
    "nightloom run nightly --config nightly.yaml --plan": "forecast|never built",
    "nightloom run nightly --config nightly.yaml": "sample-news",
    "nightloom deploy nightly.models=nightly.yaml nightly.cron": "timezone: UTC → Europe/Berlin",
    "prefect deployment run nightly/nightly": r"flow-run\.Completed \* nightly 2\d{3}-\d\d-\d\d \d",
    "prefect deployment run": r"flow-run\.Completed",
    "nightloom trend sample-news": "promoted",
    "nightloom run classify-transformer": "classify-transformer/2",
    "nightloom deploy pool.name=boxes": "prefect worker start --pool boxes --type docker",
    "nightloom deploy pool.name=nightloom": "deployment nightly/nightly",
    "nightloom deploy pool.name=cluster": "prefect worker start --pool cluster --type kubernetes",
    "python -": "Sports",
    "su postgres -c 'createuser": "Enter password for new role",
    "nightloom tidy --dry-run": "remove",
}
"""What commands are to say, by how they begin; the first that fits."""


@dataclass
class Place:
    """An empty folder, and what the page leaves to its reader."""

    folder: Path
    hook: Hook
    administrator: dict[str, str]
    """The variables by which PostgreSQL's reaches it, empty where it is not installed."""
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(4)])

    @property
    def home(self) -> Path:
        """The page's default."""
        return self.folder / ".nightloom"

    @property
    def environment(self) -> dict[str, str]:
        dropped = ("NIGHTLOOM_", "MLFLOW_", "PREFECT_", "RAY_", "VIRTUAL_ENV")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        return {**kept, "HOME": str(self.folder / "user"), "COLUMNS": "200"}

    def given(self, command: str) -> str:
        """A command with this machine's values in place of the page's."""
        prefect, mlflow, tls_prefect, tls_mlflow = map(str, self.ports)
        values = {
            "nightloom up -d": f"nightloom up -d --prefect-port {prefect} --mlflow-port {mlflow}",
            ":4200": f":{prefect}",
            ":5000": f":{mlflow}",
            ":4243": f":{tls_prefect}",
            ":5443": f":{tls_mlflow}",
            "nights.example": ANOTHER,
            "http://SERVER": "http://127.0.0.1",
            "/etc/nightloom": str(self.folder),
            "/shared/nightloom": str(self.home),
            "https://example.org/hook": self.hook.url,
            "slots=N": "slots=2",
            "flows FLOW": "flows score",
        }
        if self.administrator:
            port = self.administrator["PGPORT"]
            values["127.0.0.1:5432"] = f"127.0.0.1:{port}"
            values["@127.0.0.1/prefect"] = f"@127.0.0.1:{port}/prefect"
            values["su postgres -c"] = (
                f"env {shlex.join(map('='.join, self.administrator.items()))} sh -c"
            )
        for page, here in values.items():
            command = command.replace(page, here)
        return command


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with the environment that the page installs, a proxy, a database."""
    installed = programs()
    with postgres(installed) if installed else contextlib.nullcontext({}) as administrator:
        yield from _place(tmp_path, administrator)


def _place(tmp_path: Path, administrator: dict[str, str]) -> Iterator[Place]:
    here = Place(tmp_path, Hook(), administrator)
    (tmp_path / "user").mkdir()
    (tmp_path / ".venv").symlink_to(sys.prefix)
    files = [str(one) for one in write_certificate(tmp_path, ANOTHER)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.proxy", ANOTHER, str(tls), str(plain), *files]
        )
        for plain, tls in zip(here.ports[:2], here.ports[2:], strict=True)
    ]
    try:
        yield here
    finally:
        subprocess.run(
            [sys.executable, "-m", "nightloom", "up", "--down"],
            cwd=tmp_path, env=here.environment, check=True,
        )  # fmt: skip
        for one in running:
            one.terminate()
            one.wait()
        here.hook.server.shutdown()


def test_what_is_not_run_or_looked_at_is_on_the_page() -> None:
    assert len(COMMANDS) > 30
    for begins in (*NOT_RUN, *UNTIL, *SAID):
        named = [one for one in (*COMMANDS, *NAMED) if one.text.startswith(begins)]
        assert named, begins
    assert [one for one in COMMANDS if one.shown], "what is shown is compared"


def wrong(command: Command, place: Place, shell: Shell, *, named: bool = False) -> list[str]:
    """Run a command; what is not as the page says.

    named: in a sentence, so `deploy` is to change nothing.
    """
    first = command.text.splitlines()[0]
    if why := next((why for one, why in NOT_RUN.items() if command.text.startswith(one)), ""):
        print(f"not run: {first} ({why})", flush=True)
        return []
    until = next((said for one, said in UNTIL.items() if command.text.startswith(one)), "")
    said = next((said for one, said in SAID.items() if command.text.startswith(one)), "")
    text, codes = place.given(command.text), {0}
    if named and first.startswith("nightloom deploy"):
        text, codes, said = f"{text} --dry-run", {0, 3}, ""
    started = time.monotonic()
    ended = shell.run(text, typed="PASSWORD\n" * 2, until=until)
    print(f"{time.monotonic() - started:6.1f} s: {first}", flush=True)
    found = []
    if ended.code not in codes and not until:
        found.append(f"exit status {ended.code}")
    if not command.matches(ended.output):
        found.append("not what is shown")
    if not re.search(said, ended.output):
        found.append(f"no {said!r}")
    return [f"{first}: {one}\n{ended.output[-2000:]}" for one in found]


@pytest.mark.long("operations")
def test_every_command_of_the_page_in_its_order(place: Place) -> None:
    notes = place.folder / "notes"
    notes.mkdir()
    found: list[str] = []
    shell = Shell(place.folder, place.environment, notes)
    try:
        for command in COMMANDS:
            found += wrong(command, place, shell)
        for command in NAMED:
            found += wrong(command, place, shell, named=True)
    finally:
        shell.close()
    assert not found, "\n".join(found)
    assert (place.home / "stack.json").exists(), "files are where the page says"
    assert list((place.home / "artifacts" / "score").iterdir()), "new rows were answered"
    champion = "new champion of classify-transformer: version 2"
    assert champion in [one["subject"] for one in place.hook.told]
