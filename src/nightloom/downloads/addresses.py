"""Addresses with a login, which is kept in the environment or `.netrc` and never shown.

`${NAME}` in an address is replaced by an environment variable, so settings, keys, logs and the
registry contain only the variable's name.
"""

import base64
import netrc
import os
import re
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from nightloom.downloads.words import cleaned
from nightloom.errors import InputError

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LEAST = 3
"""Minimum length of a value worth hiding."""


@dataclass(frozen=True)
class Address:
    """An address as given, with `${NAME}` for parts from the environment."""

    given: str

    @property
    def name(self) -> str:
        """The address for display."""
        return cleaned(self.given)

    @cached_property
    def _values(self) -> list[str]:
        found = []
        for name in _VARIABLE.findall(self.given):
            value = os.environ.get(name)
            if not value:
                raise InputError(f"{self.name}: the environment has no variable {name}; set it")
            found.append(value)
        return found

    @cached_property
    def url(self) -> str:
        """The full address, including login and secrets.

        Raises InputError for an unset variable.
        """
        values = iter(self._values)
        login, at, rest = self.given.rpartition("@")  # a quoted password may contain @
        login = _VARIABLE.sub(lambda _: quote(next(values), safe=""), login)
        return login + at + _VARIABLE.sub(lambda _: next(values), rest)

    def hide(self, text: str) -> str:
        """`text` without values from the environment."""
        for value in sorted(self._values, key=len, reverse=True):
            for spelled in (value, quote(value, safe="")):
                if len(spelled) >= _LEAST:
                    text = text.replace(spelled, "***")
        return cleaned(text)

    def request(self, method: str = "GET") -> urllib.request.Request:
        """A request; the login is sent only to this host, not to redirect targets."""
        parts = urlsplit(self.url)
        login, _, host = parts.netloc.rpartition("@")
        path = quote(parts.path, safe="/%:=~!$&'()*+,;@")
        query = quote(parts.query, safe="/%:=~!$&'()*+,;@?[]")
        request = urllib.request.Request(
            urlunsplit((parts.scheme, host, path, query, "")), method=method
        )
        if not login:
            login = _netrc(parts.hostname or "")
        if login:
            token = base64.b64encode(unquote(login).encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {token}")
        return request


def _netrc(host: str) -> str:
    """`user:password` for a host, as curl reads it from `.netrc`; empty if there is none."""
    file = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        found = netrc.netrc(str(file)).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return ""
    return f"{quote(found[0], safe='')}:{quote(found[2] or '', safe='')}" if found else ""
