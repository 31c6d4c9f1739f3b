"""A file that is written whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nightloom.cli.whole_file import check_target, whole_file
from nightloom.errors import InputError

KILLED = """
import os, signal, sys
from pathlib import Path
from nightloom.cli.whole_file import whole_file

with whole_file(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.mark.parametrize("signalled", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_of_a_writer_that_is_killed(tmp_path: Path, signalled: int) -> None:
    target = tmp_path / "answers.csv"
    target.write_text("before")
    command = [sys.executable, "-c", KILLED, str(target), str(int(signalled))]
    assert subprocess.run(command, check=False).returncode == -signalled
    assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]
    assert target.read_text() == "before"


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    def fail() -> None:
        with whole_file(tmp_path / "new") as stream:
            stream.write(b"half")
            raise InputError("wrong row")

    with pytest.raises(InputError, match="wrong row"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_file_keeps_its_permissions_and_a_link_its_place(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to("target")
    with whole_file(link) as stream:
        stream.write(b"after")
    assert link.is_symlink()
    assert target.read_text() == "after"
    assert target.stat().st_mode & 0o777 == 0o640
    with whole_file(tmp_path / "new") as stream:
        stream.write(b"new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "new", "target"]


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_a_device_is_written_to_and_stays_one() -> None:
    check_target(Path(os.devnull))
    with whole_file(Path(os.devnull)) as stream:
        stream.write(b"gone")
    assert not Path(os.devnull).is_file()
