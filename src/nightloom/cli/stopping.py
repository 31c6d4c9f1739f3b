"""Ctrl-C, SIGTERM and SIGHUP at any moment: one line, nothing left running, status 128 + number.

Installed before anything heavy is imported. By default a signal ends the process where it is, as
`kill -9` would; `unwinding` lets a command clean up; `ending_by` delegates the shutdown to code
that knows what is running. However long that takes, and whatever the main thread is stuck in, the
process is gone within seconds; a second signal ends it at once.
"""

import atexit
import contextlib
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
MOST_SECONDS = 4.6
"""Seconds from the first signal to the end."""
ON = "to start it again"


class Stopped(BaseException):
    """A signal arrived inside `unwinding`; `said` goes into the last line."""

    def __init__(self, number: int, said: str = "") -> None:
        super().__init__(f"signal {number}")
        self.number = number
        self.said = said


class _State:
    """What this process does on a signal."""

    def __init__(self) -> None:
        self.installed = False
        self.first: int | None = None
        self.said = False
        self.hint = ON
        self.action: Callable[[int], None] = leave
        self.remove: list[Path] = []
        self.seconds = MOST_SECONDS
        self.code: int | None = None
        self.terminal = 2
        """Standard error, even while libraries are kept off it."""


def install() -> None:
    """Handle the signals, except those already ignored (`nohup`)."""
    if _state.installed or threading.current_thread() is not threading.main_thread():
        return
    _state.installed = True
    atexit.register(_exit)  # registered first, called last
    with contextlib.suppress(OSError):
        _state.terminal = os.dup(2)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()
    unraisable = sys.unraisablehook
    sys.unraisablehook = lambda given: (
        None if isinstance(given.exc_value, Stopped) else unraisable(given)
    )
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN and not _has_terminal():
            continue
        signal.signal(number, _take)


def exit_with(code: object) -> None:
    """End with this status as soon as all exit handlers have been called.

    Python removes signal handlers before it tears down modules, which takes a while.
    """
    _state.code = 0 if code is None else code if isinstance(code, int) else 1


def _exit() -> None:
    if _state.code is None:
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            if stream is sys.stdout:
                return  # left to Python
    os._exit(_state.code)


def stopped() -> int | None:
    """The signal that arrived, if any."""
    return _state.first


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Inside, a signal raises `Stopped`, so that partial output is cleaned up.

    Raises:
        Stopped: A signal arrived.
    """

    def unwind(number: int) -> None:
        raise Stopped(number)

    with ending_by(unwind):
        try:
            yield
        except Stopped:
            raise
        except BaseException as error:
            if _state.first is not None:  # the error is the signal's doing
                raise Stopped(_state.first) from error
            raise


@contextlib.contextmanager
def removing(path: Path) -> Iterator[None]:
    """Inside, `path` is removed even if there is no time to unwind."""
    _state.remove.append(path)
    try:
        yield
    finally:
        _state.remove.remove(path)


@contextlib.contextmanager
def ending_by(
    action: Callable[[int], None], *, hint: str = ON, seconds: float = MOST_SECONDS
) -> Iterator[None]:
    """Inside, a signal calls `action` with its number, in the main thread, for at most this long.

    `hint` says what the command in the last line is for.
    """
    before = _state.action, _state.hint, _state.seconds
    _state.action, _state.hint, _state.seconds = action, hint, seconds
    try:
        yield
    finally:
        if _state.first is None:
            _state.action, _state.hint, _state.seconds = before


def leave(number: int, *, said: str = "") -> None:
    """End now: child processes, then the last line, then this process."""
    with contextlib.suppress(Exception):
        _end_children()
    for path in _state.remove:
        with contextlib.suppress(OSError):
            _remove(path)
    if not _state.said:
        _state.said = True
        again = f"{_state.hint}: {_again()}"
        _write(f"stopped by {NAMES[signal.Signals(number)]}; {said or again}")
    os._exit(128 + number)


def _take(number: int, frame: FrameType | None) -> None:
    if _state.first is not None:
        leave(_state.first)
    _state.first = number
    _state.action(number)


def _watch(reading: int) -> None:
    """End the process even if the main thread is too busy to."""
    taken: list[int] = []
    while not taken:
        taken = [number for number in os.read(reading, 64) if number in SIGNALS]
        taken = [number for number in taken if signal.getsignal(number) is not signal.SIG_IGN]
    began = time.monotonic()
    while time.monotonic() - began < _state.seconds:
        time.sleep(0.1)
    leave(_state.first or taken[0])


def _has_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def _end_children() -> None:
    from nightloom.ending import kill_below

    kill_below(os.getpid())


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _again() -> str:
    from nightloom.masking import masked

    return masked(shlex.join(["nightloom", *sys.argv[1:]]))


def _write(line: str) -> None:
    """Write to standard error without taking locks: the main thread may hold any."""
    with contextlib.suppress(OSError, ValueError):
        clear = "\r\x1b[K" if os.isatty(_state.terminal) else ""
        os.write(
            _state.terminal,
            f"{clear}{line}\n".encode(sys.getfilesystemencoding(), "backslashreplace"),
        )


_state = _State()
