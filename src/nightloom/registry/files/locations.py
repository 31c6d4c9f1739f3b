"""Locations in what an MLflow server says and is told: `file:` in its store, `mlflow-artifacts:` to
its clients, who get the files from the server itself and need not see its disk.

The store keeps `file:` URIs, so it is read without a server as well, and is moved with its home.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nightloom.registry.store import plain

PROXIED = "mlflow-artifacts:/"
TRACE_TAG = "mlflow.artifactLocation"
FIELDS = frozenset(
    {
        *("artifact_uri", "artifactUri", "artifact_location", "artifactLocation", "source"),
        *("storage_location", "root_uri", "rootUri", "default_artifact_root"),
        TRACE_TAG,
    }
)
"""Fields of MLflow's messages that say where files are."""
_QUOTED = re.compile(r"(source_path\s*(?:=|!=|(?:I?LIKE))\s*['\"])([^'\"]*)", re.IGNORECASE)
"""A location in a search for versions."""


@dataclass(frozen=True)
class Locations:
    """The locations below one folder, by which the store may call it in several ways."""

    prefixes: tuple[str, ...]
    """Each ends with a slash; what clients write goes below the first."""

    @classmethod
    def below(cls, folder: Path, *earlier: Path) -> "Locations":
        """Those below a folder; earlier: other paths of the same folder."""
        every = [plain(folder), folder.resolve(), *earlier]
        uris = [one.as_uri() for one in every]
        paths = [str(one).replace("%", "%25") for one in every]
        return cls(tuple(dict.fromkeys(f"{one.rstrip('/')}/" for one in (*uris, *paths))))

    def outward(self, message: Any) -> Any:
        """A message of the server, as clients get it."""
        return _replaced(message, self._told)

    def inward(self, message: Any) -> Any:
        """A message of a client, as the server gets it."""
        return _replaced(message, self._kept, self.searched)

    def searched(self, filter_string: str) -> str:
        """A search, with the locations that the store knows."""
        return _QUOTED.sub(lambda found: found[1] + self._kept(found[2]), filter_string)

    def _told(self, location: str) -> str:
        for prefix in self.prefixes:
            if location.startswith(prefix) and _is_below(rest := location[len(prefix) :]):
                return PROXIED + rest
        return location

    def _kept(self, location: str) -> str:
        rest = location.removeprefix(PROXIED)
        if rest == location or not _is_below(rest):
            return location  # of another server, or for MLflow to refuse
        return self.prefixes[0] + rest


def _is_below(rest: str) -> bool:
    """Whether a relative path stays where it is, however it is quoted."""
    while (plainer := unquote(rest)) != rest:
        rest = plainer
    return not {".", "..", ""} & set(rest.rstrip("/").split("/"))


def _replaced(
    message: Any, change: Callable[[str], str], search: Callable[[str], str] | None = None
) -> Any:
    if isinstance(message, list):
        return [_replaced(one, change, search) for one in message]
    if not isinstance(message, dict):
        return message
    is_tag = message.get("key") == TRACE_TAG
    found = {}
    for name, value in message.items():
        if isinstance(value, str) and (name in FIELDS or (is_tag and name == "value")):
            found[name] = change(value)
        elif isinstance(value, str) and name == "filter" and search is not None:
            found[name] = search(value)
        else:
            found[name] = _replaced(value, change, search)
    return found
