"""Variables that a machine has for other programs do not decide how nightloom computes."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from nightloom.worker.child import Child
from nightloom.worker.environment import for_child, keras_as_shipped, with_warnings_shown


def test_keras_runs_on_tensorflow_and_the_rest_is_as_the_user_set_it() -> None:
    given = {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "0", "OTHER": "1"}
    made = for_child(given)
    assert made["KERAS_BACKEND"] == "tensorflow"
    assert (made["TF_CPP_MIN_LOG_LEVEL"], made["OTHER"]) == ("0", "1")
    assert made["PYTHONUTF8"] == "1"
    assert given["KERAS_BACKEND"] == "jax"


def test_the_users_file_for_keras_does_not_count() -> None:
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(0.01)
    keras_as_shipped()
    assert keras.config.floatx() == "float32"
    assert keras.config.epsilon() == 1e-7


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("error", "default"),
        ("err", "default"),
        ("ignore, error::UserWarning:numpy,e", "ignore,default::UserWarning:numpy,default"),
        ("default", None),
        ("ignore::UserWarning", None),
        ("", None),
    ],
)
def test_no_warning_is_an_error(given: str, expected: str | None) -> None:
    made = with_warnings_shown({"PYTHONWARNINGS": given})
    assert made == ({} if expected is None else {"PYTHONWARNINGS": expected})


def test_a_command_shows_warnings_that_were_to_end_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nightloom", "cache", "ls"],
        env={**os.environ, "NIGHTLOOM_HOME": str(tmp_path), "PYTHONWARNINGS": "error"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_files_of_the_current_folder_are_no_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queue", "numpy", "nightloom"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(f'{__name__} of this folder')")
    monkeypatch.chdir(tmp_path)
    child = Child("nightloom.worker", log=tmp_path / "log", environment=for_child(os.environ))
    child.close(kill=False)
    assert (tmp_path / "log").read_text() == ""
    assert child.code == 0
