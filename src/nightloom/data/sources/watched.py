"""What is known of the sources of a night's models between two looks at them.

Small files in the home: what a night read for a model (`read`); what the watch has dealt with
(`known`: a night was started for it, or it was there at the first look); what it saw (`looked`).
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from nightloom.cache.canonical import digest_of
from nightloom.data.sources.states import keep
from nightloom.home import Home
from nightloom.settings.data import DataSettings
from nightloom.sources import source_named

What = Literal["read", "known", "looked"]


@dataclass(frozen=True, kw_only=True)
class Noted:
    """The identity of a model's source at some time."""

    identity: Mapping[str, Any]
    at: float
    """Seconds since the epoch."""
    stamp: str | None = None
    """Of the files, if they are on this machine: changes when one of them is written."""

    def is_of(self, identity: Mapping[str, Any]) -> bool:
        """Whether it is the same content."""
        return digest_of(dict(self.identity)) == digest_of(dict(identity))


def note(
    home: Home, what: What, model: str, identity: Mapping[str, Any], *, stamp: str | None = None
) -> None:
    """Keep the identity of a model's source, atomically."""
    made = Noted(identity=dict(identity), at=time.time(), stamp=stamp)
    keep(_file(home, what, model), asdict(made))


def noted(home: Home, what: What, model: str) -> Noted | None:
    """What was kept last; None if nothing was, or it is unreadable."""
    try:
        return Noted(**json.loads(_file(home, what, model).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def stamp_of(settings: DataSettings) -> str | None:
    """What changes when a file on this machine is written, without reading it; else None.

    Raises InputError if the files are missing.
    """
    if source_named(settings.source).prefix:
        return None
    from nightloom.data.sources.files import find

    found = find(settings)
    paths = [part.path for file in found.files.values() for part in file.parts]
    stats = [(str(path.absolute()), path.stat()) for path in paths]
    stamps = [[name, one.st_size, one.st_mtime_ns, one.st_ino] for name, one in stats]
    return digest_of({"files": stamps, "left_out": sorted(found.left_out)})


def _file(home: Home, what: What, model: str) -> Path:
    name = sha256(model.encode()).hexdigest()[:32]
    return home.root / "sources" / "watch" / f"{what}-{name}.json"
