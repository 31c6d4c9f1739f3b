"""Standard streams that the caller closed, or that lead to a full disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HAS_FULL = Path("/dev/full").exists()


def call(
    home: Path, *command: str, how: str = "", before: str = ""
) -> "subprocess.CompletedProcess[str]":
    """A command in a shell that redirects its streams."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    words = " ".join([before, sys.executable, "-m", "nightloom", *command, how])
    return subprocess.run(
        ["bash", "-c", words],
        env={**buffered, "NIGHTLOOM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not HAS_FULL, reason="this system has no /dev/full")
def test_a_full_disk_under_standard_output_is_one_line(tmp_path: Path) -> None:
    done = call(tmp_path, "cache", "ls", how=">/dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        "error: cannot write to standard output: No space left on device; free some space, or "
        "send it elsewhere\n"
    )


@pytest.mark.skipif(not HAS_FULL, reason="this system has no /dev/full")
def test_a_full_disk_is_one_line_where_nothing_is_buffered(tmp_path: Path) -> None:
    done = call(tmp_path, "cache", "ls", how=">/dev/full", before="PYTHONUNBUFFERED=1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the disk is full; free some space (")


def test_a_folder_that_was_removed_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = call(tmp_path, "models", before=f"cd {tmp_path}/gone; rmdir {tmp_path}/gone;")
    assert done.returncode == 2
    assert done.stderr == (
        "error: the current folder cannot be used: No such file or directory; go to another one "
        "(`cd`)\n"
    )


@pytest.mark.skipif(not HAS_FULL, reason="this system has no /dev/full")
def test_what_cannot_be_said_does_not_decide_how_a_command_ends(tmp_path: Path) -> None:
    assert call(tmp_path, "predict", "none", "text", how="2>/dev/full").returncode == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_opened(closed: str, tmp_path: Path) -> None:
    done = call(tmp_path, "cache", "ls", how=closed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "" if ">&-" in closed.replace("2>&-", "") else f"0 artifacts, 0 B in {tmp_path}/artifacts\n"
    )


def test_nothing_to_read_is_no_text(tmp_path: Path) -> None:
    done = call(tmp_path, "tidy", how="<&-")
    assert done.returncode == 2
    assert "there is nobody to ask" in done.stderr


def test_letters_that_standard_output_has_not_are_escaped_as_in_json(tmp_path: Path) -> None:
    done = call(tmp_path / "→😀", "cache", "ls", before="PYTHONIOENCODING=latin-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("/\\u2192\\ud83d\\ude00/artifacts\n")
