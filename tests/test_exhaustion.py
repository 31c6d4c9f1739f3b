"""What ran out is named, however deep a library buried it."""

import errno
import os

import pytest

from nightloom.exhaustion import exhausted


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
