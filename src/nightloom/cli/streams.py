"""The standard streams: there, whatever the caller closed, and what cannot be written to them."""

import codecs
import io
import json
import os
import sys

from nightloom.errors import RunError

ESCAPED = "nightloom.escaped"


def open_missing() -> None:
    """Open what the caller closed, as nothing to read and nowhere to write to.

    Else the next file that anything opens, such as a database, gets the number of a standard
    stream, and what libraries print is written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        mode = os.O_WRONLY if number else os.O_RDONLY
        handle = os.open(os.devnull, mode)
        if handle != number:
            os.dup2(handle, number)
            os.close(handle)
        os.set_inheritable(number, True)
        stream = os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False)
        setattr(sys, name, stream)


def escape_unknown_letters() -> None:
    """Write letters that are not in the encoding of standard output as JSON does (`\\u2192`).

    That encoding is UTF-8, whatever the locale, but `PYTHONIOENCODING` may name another one.
    """
    codecs.register_error(ESCAPED, _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors=ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def unwritten(error: Exception) -> RunError | None:
    """What is said where an error comes of standard output, which cannot be written.

    What that was is still there, unless Python writes at once (`PYTHONUNBUFFERED`).
    """
    if not isinstance(error, OSError):
        return None
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return None
    except OSError as again:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody tries once more
        return RunError(
            f"cannot write to standard output: {again.strerror}; free some space, or send it "
            "elsewhere"
        )
    return None
