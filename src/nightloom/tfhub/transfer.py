"""A file over http(s), complete; a transfer that breaks off goes on where it stopped."""

import http.client
import ssl
import urllib.error
import urllib.request
from typing import IO

from nightloom.downloads.retrying import Passing, retried
from nightloom.downloads.words import cleaned
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report

TRIES = 4
TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 2**20
_PASSING = (408, 416, 429)
_BROKEN = -1  # in the place of a size that is not known


class _Spool:
    """What has arrived, and which version of the file it belongs to."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.done = 0
        self.version: str | None = None

    def start(self, at: int, version: str | None) -> None:
        self.done, self.version = at, version
        self.file.seek(at)
        self.file.truncate()


def download(
    url: str,
    file: IO[bytes],
    *,
    ways_out: str,
    context: ssl.SSLContext | None = None,
    report: Report = SILENT,
) -> None:
    """Write the content of `url` to `file`; `ways_out` tells the user what works without it.

    Tried `TRIES` times while the connection fails or the server answers 408, 429 or 5xx; a later
    try asks for the rest alone, where the server knows parts and the file is still the same.

    Raises:
        InputError: no such file, access refused, not an archive, or no connection at all.
        RunError: the server failed, or the transfer broke, `TRIES` times.
    """
    spool = _Spool(file)
    name = cleaned(url)
    reached = False

    def transfer() -> None:
        nonlocal reached
        try:
            total = _transfer(url, spool, context, report)
            reached = True
            if total is None or spool.done == total:
                return
            whole = f" of {total}" if total > 0 else ""
            problem = f"the transfer broke off at {spool.done}{whole} bytes"
        except urllib.error.HTTPError as error:
            error.close()
            reached = True
            problem = f"the server answers {error.code} {error.reason}"
            if error.code in (404, 410):
                raise InputError(f"{name}: {problem}; there is no such model, check it") from error
            if error.code < 500 and error.code not in _PASSING:
                raise InputError(f"{name}: {problem}; {ways_out}") from error
            if error.code == 416:
                spool.start(0, None)
        except (http.client.HTTPException, OSError) as error:
            problem = f"no connection ({getattr(error, 'reason', error)})"
        raise Passing(problem)

    def told(error: BaseException, *_: float) -> str:
        return f"{error}; trying again at byte {spool.done}"

    try:
        retried(transfer, what=name, report=report, attempts=TRIES, told=told)
    except Passing as error:
        said = f"{name}: {error}, tried {TRIES} times"
        if not reached:
            raise InputError(f"{said}; {ways_out}") from error
        raise RunError(f"{said}; run again later, or {ways_out}") from error


def _transfer(
    url: str, spool: _Spool, context: ssl.SSLContext | None, report: Report
) -> int | None:
    """One try; how many bytes the whole file has, if the server says so."""
    what = f"download {cleaned(url)}"
    request = urllib.request.Request(url)
    if spool.done and spool.version:
        request.add_header("Range", f"bytes={spool.done}-")
        request.add_header("If-Range", spool.version)
    secure = context if url.startswith("https:") else None
    with urllib.request.urlopen(request, timeout=TIMEOUT, context=secure) as response:
        kind = response.headers.get_content_type()
        if kind.startswith("text/") or kind == "application/json":
            raise InputError(
                f"{cleaned(url)}: expected a .tar.gz archive, got {kind}; check the handle (a "
                "model's page is not a model)"
            )
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(
            f"bytes {spool.done}-"
        )
        version = response.headers.get("ETag") or response.headers.get("Last-Modified")
        weak = version is not None and version.startswith("W/")
        spool.start(spool.done if goes_on else 0, None if weak else version)
        length = response.headers.get("Content-Length")
        total = spool.done + int(length) if length else None
        try:
            while chunk := response.read(_CHUNK):
                spool.file.write(chunk)
                spool.done += len(chunk)
                report.progress(what=what, done=spool.done, total=total, unit="bytes")
        except http.client.IncompleteRead as error:
            spool.file.write(error.partial)
            spool.done += len(error.partial)
            return total or _BROKEN
        except (OSError, http.client.HTTPException):
            return total or _BROKEN
    return total
