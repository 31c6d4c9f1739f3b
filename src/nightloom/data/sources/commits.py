"""Which commit a revision on the Hugging Face hub is now: asked for, else as it was last known.

What was last known lies in the home, a small file a data set and revision.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from nightloom.downloads.retrying import is_passing
from nightloom.downloads.words import one_line
from nightloom.home import Home

SECONDS = 10.0
"""How long the hub may take to answer."""
FRESH = 30.0
"""Seconds for which an answer stands within a process: the models of a night ask once."""


@dataclass(frozen=True)
class Commit:
    """What is known of a revision."""

    id: str | None = None
    """None: the hub has no such revision, or was never reached."""
    asked: float = 0.0
    """When the hub said so, in seconds since the epoch."""
    unreached: str = ""
    """Why the hub did not answer now; empty where it did."""


_answers: dict[tuple[str, str | None, str], Commit] = {}


def current_commit(name: str, revision: str | None) -> Commit:
    """The commit of a data set's revision (None: of its main branch)."""
    key = (name, revision, os.environ.get("HF_ENDPOINT", ""))
    known = _answers.get(key)
    if known is None or time.time() - known.asked > FRESH:
        known = _asked(name, revision)
        if not known.unreached:
            _answers[key] = known
    file = _file(*key)
    if known.unreached:
        return _last_known(file, known.unreached)
    if known.id is not None and Home.current().root.is_dir():
        _remember(file, known)
    return known


def _asked(name: str, revision: str | None) -> Commit:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        found = HfApi().dataset_info(name, revision=revision, timeout=SECONDS)
    except HfHubHTTPError as error:
        if error.response.status_code < 500:
            return Commit(asked=time.time())  # an answer: the download tells it in its words
        return Commit(unreached=one_line(error))
    except OfflineModeIsEnabled:
        return Commit(unreached="HF_HUB_OFFLINE forbids the network")
    except Exception as error:
        if not is_passing(error):
            raise
        return Commit(unreached=one_line(error) or type(error).__name__)
    return Commit(found.sha, time.time())


def _file(name: str, revision: str | None, endpoint: str) -> Path:
    text = json.dumps([name, revision, endpoint])
    return Home.current().root / "sources" / f"{sha256(text.encode()).hexdigest()[:32]}.json"


def _last_known(file: Path, unreached: str) -> Commit:
    try:
        value = json.loads(file.read_text("utf-8"))
        return Commit(str(value["id"]), float(value["asked"]), unreached)
    except (OSError, ValueError, KeyError, TypeError):
        return Commit(unreached=unreached)


def _remember(file: Path, commit: Commit) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps(asdict(commit)), encoding="utf-8")
    temporary.replace(file)
