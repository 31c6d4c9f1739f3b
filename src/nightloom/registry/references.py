"""Which data a model's new ones are compared with: its champion's, or those that a person let in.

What was let in counts until a champion was made later. In the home there is a folder for each
model, with what its last check said and what was let in; a file is written at once or not at all.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.cache.artifact import Artifact
from nightloom.cache.store import ArtifactStore, Damaged
from nightloom.counted import there_are
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.registry.aliases import champion_of
from nightloom.registry.versions import CHECK_TAG, SUMMARY_TAG, Version, lineage_tag
from nightloom.settings.spelling import quoted

DATA = "download_dataset"
LAST, ACCEPTED = "last.json", "accepted.json"
SAME_ROWS = ("seed", "valid_fraction", "test_fraction", "since", "until", "offline")
"""Settings of data that name no other rows, or other ones every night."""


@dataclass(frozen=True)
class Place:
    """An artifact by its key, and what it must hold."""

    key: str
    digest: str

    @classmethod
    def of(cls, given: Any) -> "Place | None":
        """From plain JSON; None for what is none."""
        is_one = isinstance(given, dict) and {"key", "digest"} <= given.keys()
        return cls(str(given["key"]), str(given["digest"])) if is_one else None

    def to_json(self) -> dict[str, str]:
        """As plain JSON."""
        return {"key": self.key, "digest": self.digest}

    def artifact(self) -> Artifact:
        """What stands for it in a key."""
        return Artifact(DATA, self.key, self.digest)


@dataclass(frozen=True)
class Reference:
    """What tonight's data are compared with."""

    called: str
    """Whose data they are, or why there are none."""
    data: Artifact | None = None
    """They are in this home, and whole."""
    summary: str = ""
    """What is known of them where they are not, as JSON."""
    then: Place | None = None
    """Where tonight's data are these very ones: what they were compared with when they came."""
    accepted: str = ""
    """Why tonight's data are let in whatever is found: who said so, when, and why."""


def reference_of(home: Home, model: str, tonight: Artifact) -> Reference:
    """What the data of a model are compared with.

    Raises RunError where the registry cannot be read.
    """
    champion = champion_of(home.tracking_uri, model)
    accepted = _read(_folder(home, model) / ACCEPTED)
    data = Place.of(accepted.get("data"))
    if data and (champion is None or accepted["when"] > champion.created):
        same = data.digest == tonight.digest
        said = f"let in by {accepted['by']} on {_day(accepted['when'])} ({accepted['why']})"
        told, then = f"the data {said}", Place.of(accepted.get("reference"))
        if same:
            return Reference("the data before them", then=then, accepted=said)
        return _here(home, told, data, json.dumps(accepted.get("summary") or ""))
    if champion is None:
        return Reference("there is no champion yet")
    return _of_champion(home, champion, tonight)


def _of_champion(home: Home, champion: Version, tonight: Artifact) -> Reference:
    called = f"the data of the champion, version {champion.version}"
    key, digest = (champion.tags.get(lineage_tag(part, DATA), "") for part in ("key", "digest"))
    if not key.isalnum():
        return Reference(
            f"version {champion.version}, the champion, does not say which its data are"
        )
    if digest == tonight.digest:
        check = _parsed(champion.tags.get(CHECK_TAG, ""))
        return Reference(
            f"what {called} were compared with",
            then=Place.of(check.get("reference")),
            accepted="the champion was trained on these very rows",
        )
    return _here(home, called, Place(key, digest), champion.tags.get(SUMMARY_TAG, ""))


def _here(home: Home, called: str, data: Place, summary: str) -> Reference:
    """The data where they are in this home, else what is known of them."""
    store = ArtifactStore(home)
    try:
        artifact = store.verify(store.path(DATA, data.key))
    except (Damaged, OSError):
        artifact = None
    if artifact is not None and artifact.digest == data.digest:
        return Reference(called, data=artifact)
    if _parsed(summary):
        return Reference(f"{called}, of which a summary is left", summary=summary)
    return Reference(f"{called} are not in this home, nor is a summary of them")


def read_otherwise(home: Home, before: Artifact, now: Artifact) -> str:
    """Which settings of data, or what kind of source, a person changed between two data sets; ''
    for none."""
    store = ArtifactStore(home)
    parts = [store.parts(DATA, one.key) or {} for one in (before, now)]
    old, new = (_source(one.get("external", {}).get("data.source")) for one in parts)
    changed = [f"data.source {old} → {new}"] if old and new and old != new else []
    old, new = (one.get("settings", {}) for one in parts)
    changed += [
        f"{name} {old[name]} → {new[name]}"
        for name in sorted(old.keys() & new.keys())
        if old[name] != new[name] and name.removeprefix("data.") not in SAME_ROWS
    ]
    return ", ".join(changed)


def _source(identity: Any) -> str:
    """The kind of a source, and the name of a hub's."""
    known = identity if isinstance(identity, dict) else {}
    return ":".join(str(known[name]) for name in ("kind", "name") if name in known)


def note_check(home: Home, model: str, said: dict[str, Any]) -> None:
    """Keep what the last check of a model said."""
    _write(_folder(home, model) / LAST, {"when": time.time(), **said})


def accept(home: Home, model: str, *, by: str, why: str) -> dict[str, Any]:
    """Let in the data that were last checked for a model; what the check said of them.

    Raises InputError where none were.
    """
    last = _read(_folder(home, model) / LAST)
    if Place.of(last.get("data")) is None:
        known = sorted(path.parent.name for path in home.checks.glob(f"*/{LAST}"))
        there = there_are(known) if known else "none was checked in this home yet"
        raise InputError(
            f"expected a model whose data were checked, got {quoted(model, 60)}; {there}; "
            "`nightloom run FLOW` checks them"
        )
    kept = {name: last.get(name) for name in ("data", "reference", "summary", "told")}
    _write(_folder(home, model) / ACCEPTED, {"when": time.time(), "by": by, "why": why, **kept})
    return last


def needed_by_checks(home: Home) -> Iterator[tuple[tuple[str, str], str]]:
    """The artifacts that `accept-data` made, or may make, the measure of a model, and whose."""
    for path in home.checks.glob("*/*.json"):
        said = _read(path)
        data = Place.of(said.get("data"))
        if data and (path.name == ACCEPTED or said.get("verdict") == "refused"):
            yield (DATA, data.key), f"the check of {path.parent.name}"


def _folder(home: Home, model: str) -> Path:
    return home.checks / model


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parsed(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        with aside.open("w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(when))
