"""Where the user has no folder that can be written to, nightloom's home has one."""

import os
from pathlib import Path

import pytest

from nightloom.project.units import unit_text
from nightloom.user_folder import replace_where_closed

NAMES = ("HOME", "PREFECT_HOME", "PREFECT_PROFILES_PATH")


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; nothing says where Prefect's is."""
    for name in NAMES[1:]:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


def closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be written in it; also not by root, who runs the tests."""
    asked = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: not (mode & os.W_OK and Path(path) == folder) and asked(path, mode),
    )


def test_a_folder_of_the_user_stays(user: Path) -> None:
    replace_where_closed()
    assert os.environ["HOME"] == str(user)
    assert "PREFECT_HOME" not in os.environ


def test_a_closed_folder_is_replaced_for_prefect(
    user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(user, monkeypatch)
    replace_where_closed()
    assert os.environ["HOME"] == str(user)
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "home/user/.prefect")
    assert "PREFECT_PROFILES_PATH" not in os.environ


def test_profiles_in_a_closed_folder_are_still_read(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (user / ".prefect").mkdir()
    profiles = user / ".prefect/profiles.toml"
    profiles.touch()
    closed(user / ".prefect", monkeypatch)
    replace_where_closed()
    assert os.environ["PREFECT_PROFILES_PATH"] == str(profiles)


def test_a_folder_that_cannot_be_made_is_replaced(
    user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(user / "none" / "such"))
    closed(user, monkeypatch)
    replace_where_closed()
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "home/user/.prefect")


@pytest.mark.usefixtures("user")
def test_a_number_that_no_user_has_gets_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    replace_where_closed()
    assert os.environ["HOME"] == str(tmp_path / "home/user")
    assert "PREFECT_HOME" not in os.environ


def test_a_folder_that_prefect_was_given_stays(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed(user, monkeypatch)
    monkeypatch.setenv("PREFECT_HOME", "/elsewhere")
    replace_where_closed()
    assert os.environ["PREFECT_HOME"] == "/elsewhere"


@pytest.mark.usefixtures("user")
def test_a_unit_runs_as_a_number_that_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert f"User={os.getuid()}\n" in unit_text(tmp_path, tmp_path, "python", system=True)
