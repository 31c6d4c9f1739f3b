"""Locales without UTF-8, and paths that are none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nightloom.errors import InputError
from nightloom.home import Home

PLAIN_C = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_a_plain_c_locale_reads_and_writes_utf8(tmp_path: Path) -> None:
    home = tmp_path / "ночной стан, größer"

    def listed(*stage: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [sys.executable, "-m", "nightloom", "cache", "ls", *stage],
            env={**os.environ, **PLAIN_C, "NIGHTLOOM_HOME": str(home)},
            capture_output=True,
            check=False,
        )

    done = listed()
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == f"0 artifacts, 0 B in {home / 'artifacts'}\n"
    assert "no flow has a stage größer" in listed("größer").stderr.decode()


def test_a_home_whose_path_is_no_utf8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NIGHTLOOM_HOME", os.fsdecode(b"/tmp/gr\xf6\xdfer"))
    with pytest.raises(InputError, match=r"expected a path in UTF-8 .* got /tmp/gr\\xf6\\xdfer"):
        Home.current()


def test_a_home_that_is_a_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="expected a folder as NIGHTLOOM_HOME, got the file"):
        Home.current()


def test_a_home_whose_path_would_end_an_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "what?" / "home"))
    with pytest.raises(InputError, match=r"expected a folder without \? in its path"):
        Home.current()


def test_a_home_in_which_sqlite_opens_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path.joinpath(*["long" * 40] * 3)))
    with pytest.raises(InputError, match=r"at most 400 bytes as NIGHTLOOM_HOME, got \d+, of"):
        Home.current()
