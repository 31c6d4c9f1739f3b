"""What ran out is named, however deep a library buried it."""

import errno
import os
import sys

import httpx
import pytest

from nightloom import exhaustion
from nightloom.deployments.refusals import unexpected
from nightloom.deployments.services import Service
from nightloom.deployments.supervisor import Supervisor
from nightloom.errors import RunError
from nightloom.exhaustion import exhausted, full_disk


class Wrapped(Exception):
    """As libraries raise."""


def wrapped(inner: Exception, words: str = "I/O error") -> Exception:
    try:
        try:
            raise inner
        except Exception as error:
            raise Wrapped(words) from error
    except Wrapped as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/y"), "disk is full (/x/y); free"),
        (wrapped(OSError(errno.EDQUOT, "quota")), "quota is used up; free"),
        (Wrapped("I/O error: No space left on device (os error 28)"), "disk is full; free"),
        (wrapped(Wrapped("database or disk is full")), "disk is full; free"),
        (
            OSError(errno.EFBIG, "File too large"),
            "exceeded the size limit; raise the limit (`ulimit -f`)",
        ),
        (
            wrapped(OSError(errno.EMFILE, "many")),
            "no file handles are left; raise the limit (`ulimit -n`)",
        ),
        (PermissionError(errno.EACCES, "no", "/x"), "permission denied (/x); grant"),
    ],
)
def test_named_with_a_way_out(error: Exception, words: str) -> None:
    assert words in exhausted(error)


@pytest.mark.parametrize(
    "error", [ValueError("x"), FileNotFoundError(errno.ENOENT, "no"), OSError()]
)
def test_other_errors_are_none_of_it(error: Exception) -> None:
    assert exhausted(error) == ""


def test_a_disk_that_is_full_is_told_where_a_process_cannot(tmp_path, monkeypatch):
    assert full_disk(tmp_path) == full_disk(tmp_path / "gone") == ""
    monkeypatch.setattr(exhaustion, "NOTHING", 2**60)
    told = full_disk(tmp_path)
    assert told.startswith(f"the disk is full ({tmp_path}); free some space")
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path))
    answer = httpx.Response(500, text="Internal\nServer Error")
    assert str(unexpected("http://x/api", answer)) == (
        f"http://x/api answered 500: Internal Server Error; {told}"
    )
    gone = Service("gone", (sys.executable, "-c", "exit(1)"), dict(os.environ), lambda: False)
    with pytest.raises(RunError) as error:
        Supervisor(tmp_path / "logs", print).start([gone])
    assert str(error.value) == f"gone ended with exit status 1: {full_disk(tmp_path / 'logs')}"


def test_the_fault_of_a_server_is_in_its_log():
    said = str(unexpected("http://x/api", httpx.Response(503, text="busy")))
    assert said.startswith("http://x/api answered 503: busy; its log says why (")
    assert str(unexpected("u", httpx.Response(409, text="no"))) == "u answered 409: no"
