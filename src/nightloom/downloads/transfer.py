"""A complete file over http(s); an interrupted transfer resumes where it stopped."""

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import IO

from nightloom.downloads.addresses import Address
from nightloom.downloads.retrying import Passing, retried
from nightloom.errors import InputError, NightloomError, RunError
from nightloom.progress import SILENT, Report

TRIES = 4
TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 2**20
PASSING = (408, 416, 425, 429)
_BROKEN = -1  # for an unknown size


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A server's description of a file."""

    url: str
    """Its final address, after redirects."""
    etag: str
    modified: str
    length: int | None
    """Bytes to be transferred."""
    type: str
    charset: str
    encoding: str
    """Its content encoding, for example gzip."""
    filename: str
    """The file name suggested by the server."""

    @classmethod
    def of(cls, url: str, headers: Message) -> "Answer":
        """From a response's headers."""
        length = headers.get("Content-Length", "")
        return cls(
            url=url,
            etag=headers.get("ETag", ""),
            modified=headers.get("Last-Modified", ""),
            length=int(length) if length.isdecimal() else None,
            type=headers.get_content_type() if "Content-Type" in headers else "",
            charset=headers.get_content_charset("") or "",
            encoding=headers.get("Content-Encoding", "").lower(),
            filename=headers.get_filename("") or "",
        )


class _Spool:
    """The bytes received, and the version of the file they belong to."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.done = 0
        self.version: str | None = None
        self.answer: Answer | None = None

    def start(self, at: int, version: str | None) -> None:
        self.done, self.version = at, version
        self.file.seek(at)
        self.file.truncate()


def download(
    given: str | Address,
    file: IO[bytes],
    *,
    ways_out: str,
    accept: Callable[[Answer], str],
    missing: str,
    unreached: type[NightloomError] = InputError,
    context: ssl.SSLContext | None = None,
    report: Report = SILENT,
) -> Answer:
    """Write the content of an address to `file`; return the server's description of it.

    `accept` returns why a response is not what is wanted, or an empty string; `ways_out` and
    `missing` tell the user what to do about a refusal and about a missing file. Tried up to `TRIES`
    times while the connection fails or the server answers 408, 425, 429 or 5xx; a retry requests
    only the rest, if the server supports ranges and the file is unchanged.

    Raises:
        InputError: no such file, access refused, or not what is wanted.
        unreached: no connection at all.
        RunError: the server failed, or the transfer broke, `TRIES` times.
    """
    address = given if isinstance(given, Address) else Address(given)
    spool = _Spool(file)
    reached = False

    def transfer() -> None:
        nonlocal reached
        try:
            total = _transfer(address, spool, accept, context, report)
            reached = True
            if total is None or spool.done == total:
                return
            whole = f" of {total}" if total > 0 else ""
            problem = f"the transfer broke off at {spool.done}{whole} bytes"
        except urllib.error.HTTPError as error:
            reached = True
            if error.code == 416:
                spool.start(0, None)
            problem = refused(address, error, ways_out=ways_out, missing=missing)
        except (http.client.HTTPException, OSError, ValueError) as error:
            problem = no_connection(address, error)
        raise Passing(problem)

    def told(error: BaseException, *_: float) -> str:
        return f"{error}; resuming at byte {spool.done}"

    try:
        retried(transfer, what=address.name, report=report, attempts=TRIES, told=told)
    except Passing as error:
        said = f"{address.name}: {error}, tried {TRIES} times"
        if not reached:
            raise unreached(f"{said}; {ways_out}") from error
        raise RunError(f"{said}; run again later, or {ways_out}") from error
    assert spool.answer is not None
    return spool.answer


def refused(address: Address, error: urllib.error.HTTPError, *, ways_out: str, missing: str) -> str:
    """The error for an answer that may pass; raises InputError for one that will not."""
    error.close()
    problem = f"the server answers {error.code} {error.reason}"
    if error.code in (404, 410):
        raise InputError(f"{address.name}: {problem}; {missing}") from error
    if error.code < 500 and error.code not in PASSING:
        raise InputError(f"{address.name}: {problem}; {ways_out}") from error
    return problem


def no_connection(address: Address, error: BaseException) -> str:
    """Why there is no connection, without secrets from the address."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {reason.verify_message}; for an authority of your "
            "own, set SSL_CERT_FILE to the authority's certificate"
        )
    return f"no connection ({address.hide(str(reason))})"


def _transfer(
    address: Address,
    spool: _Spool,
    accept: Callable[[Answer], str],
    context: ssl.SSLContext | None,
    report: Report,
) -> int | None:
    """One attempt; returns the size of the whole file, if the server states it."""
    what = f"download {address.name}"
    request = address.request()
    if spool.done and spool.version:
        request.add_header("Range", f"bytes={spool.done}-")
        request.add_header("If-Range", spool.version)
    secure = context if address.url.startswith("https:") else None
    with urllib.request.urlopen(request, timeout=TIMEOUT, context=secure) as response:
        answer = Answer.of(response.geturl(), response.headers)
        if why := accept(answer):
            raise InputError(f"{address.name}: {why}")
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(
            f"bytes {spool.done}-"
        )
        version = answer.etag or answer.modified or None
        weak = version is not None and version.startswith("W/")
        spool.start(spool.done if goes_on else 0, None if weak else version)
        if spool.answer is None or not goes_on:
            spool.answer = answer
        total = None if answer.length is None else spool.done + answer.length
        try:
            while chunk := response.read1(
                _CHUNK
            ):  # what has come counts, if the rest does not come
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
