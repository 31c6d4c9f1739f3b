"""A server's description of a file, without its content."""

import http.client
import urllib.error
import urllib.request

from nightloom.downloads.addresses import Address
from nightloom.downloads.retrying import Passing, retried
from nightloom.downloads.transfer import Answer, no_connection, refused
from nightloom.progress import SILENT

SECONDS = 10.0
"""How long a server may take to answer."""
ATTEMPTS = 2
_NO_HEAD = (400, 403, 405, 501)
"""Answers of servers that only support GET; signed addresses also allow only one method."""


def look(address: Address, *, ways_out: str, missing: str) -> Answer:
    """Ask with HEAD, or, if the server does not support that, a GET whose body is not read.

    Raises InputError for a missing or forbidden file, Passing if the server does not answer, or not
    now.
    """

    def ask() -> Answer:
        try:
            try:
                return _asked(address, "HEAD")
            except urllib.error.HTTPError as error:
                if error.code not in _NO_HEAD:
                    raise
                error.close()
                return _asked(address, "GET")
        except urllib.error.HTTPError as error:
            raise Passing(refused(address, error, ways_out=ways_out, missing=missing)) from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise Passing(no_connection(address, error)) from error

    return retried(ask, what=address.name, report=SILENT, attempts=ATTEMPTS)


def _asked(address: Address, method: str) -> Answer:
    with urllib.request.urlopen(address.request(method), timeout=SECONDS) as response:
        return Answer.of(response.geturl(), response.headers)
