"""Records a home and its Prefect server as another commit of nightloom left them.

    python -m tests.upgrade.record d5ba2bc

makes everything below one folder of a neutral name, so that no path in it names a machine: a
checkout of the commit, an environment (one that is there already is used), a home in which its own
`nightloom` was brought up, deployed to, and did a night; and packs the home as
`tests/upgrade/COMMIT.tar.xz`.
"""

import argparse
import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = Path("/tmp/nightloom-recorded")
TREE, VENV, HOME = ROOT / "tree", ROOT / "venv", ROOT / "home"
LEFT_OUT = ("logs", "locks", "checkpoints", "programs", "stack.json", "stack.lock")
"""What a home has that nobody needs tomorrow; of `prefect/` only the database is kept."""

NIGHT = """\
models:
  - flow: classify-transformer
    name: news
    settings:
      data: {source: sample, limit: 400}
      tokenizer: {vocabulary_size: 500}
      model: {length: 16, width: 8, feed_forward: 8, hidden: 8}
      train: {epochs: 2, jit_compile: false}
"""


def main() -> None:
    """Make the home where there is none, and pack it."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.record")
    parser.add_argument("commit")
    commit = parser.parse_args().commit
    ROOT.mkdir(exist_ok=True)
    if not TREE.exists():
        call("git", "worktree", "add", "--detach", str(TREE), commit, cwd=HERE)
    if not VENV.exists():
        call(sys.executable, "-m", "venv", str(VENV))
        call(str(VENV / "bin/pip"), "install", "--constraint", "constraints.txt", ".", cwd=TREE)
    live()
    pack(HERE / f"{commit}.tar.xz")


def live() -> None:
    """A day in the life of that version."""
    (ROOT / "nightly.yaml").write_text(NIGHT)
    nightloom("up", "-d", "--prefect-port", free_port(), "--mlflow-port", free_port())
    try:
        nightloom("deploy", "nightly.models=nightly.yaml", "nightly.cron=30 1 * * *")
        nightloom("run", "nightly", "--config", "nightly.yaml")
    finally:
        nightloom("up", "--down")


def pack(archive: Path) -> None:
    """The home without what is made anew, in one order, with neither owners nor times."""

    def neutral(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    for store in (HOME / "prefect" / "prefect.db", HOME / "mlflow.db"):
        with contextlib.closing(sqlite3.connect(store)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("VACUUM")
    with tarfile.open(archive, "w:xz", preset=9) as packed:
        for path in sorted(path for path in HOME.rglob("*") if path.is_file()):
            name = path.relative_to(HOME)
            in_prefect = name.parts[0] == "prefect"
            if name.parts[0] in LEFT_OUT or (in_prefect and path.name != "prefect.db"):
                continue
            told = path.read_bytes()
            if socket.gethostname().encode() in told:
                raise SystemExit(f"{path} names this machine; record where it is called otherwise")
            packed.add(path, str(name), filter=neutral)
    print(f"{archive}: {archive.stat().st_size} bytes")


def nightloom(*arguments: str) -> None:
    """A command of the recorded version."""
    dropped = ("NIGHTLOOM_", "PREFECT_", "MLFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    call(
        *(str(VENV / "bin/python"), "-m", "nightloom", *arguments),
        cwd=ROOT,
        env={**kept, "NIGHTLOOM_HOME": str(HOME), "USER": "nightloom", "LOGNAME": "nightloom"},
    )


def call(*command: str, **options: object) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, **options)  # type: ignore[call-overload]


def free_port() -> str:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


if __name__ == "__main__":
    main()
