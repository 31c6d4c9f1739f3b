"""Looks at the source of a night's model: whether its rows are others than the night read."""

from collections.abc import Iterator, Mapping
from typing import Any

from nightloom.cache.key import inside
from nightloom.cache.store import ArtifactStore
from nightloom.data.sources.watched import Noted, note, noted, stamp_of
from nightloom.downloads.words import cleaned
from nightloom.errors import said
from nightloom.home import Home
from nightloom.settings.flows import FlowSettings
from nightloom.settings.nightly import NightlyModel
from nightloom.sources import source_named
from nightloom.tasks.download_dataset import changed, download_dataset
from nightloom.tasks.runtime.days import night_of_run
from nightloom.tasks.runtime.logins import provide_login
from nightloom.tasks.runtime.noted import DATA, SOURCE, Look

DAYS = ("data.since", "data.until", "data.test_from")
"""Settings that count back from the night: other days are no other source."""


def look(model: NightlyModel) -> Look:
    """Compare the source's state with what the last night read, and with what was dealt with.

    Reads no rows, as far as the source can do without. What cannot be read is unreachable.
    """
    home, name = Home.current(), model.title
    settings = model.parsed().dated(night_of_run())
    kind, source = source_named(settings.data.source), cleaned(settings.data.source)
    try:
        provide_login(settings.data.source)
        identity = _identity(settings, home, name)
        why = kind.told(settings.data)
    except Exception as error:  # a plugin's as well: the next look may get on
        why = said(error)
    if why:
        return Look(model=name, source=source, state="unreachable", told=why)
    read, known = noted(home, "read", name), noted(home, "known", name)
    if read is None and known is None and not _is_new(settings, home, identity):
        note(home, "known", name, identity)
        return Look(model=name, source=source, state="unchanged", told="first look")
    if read and read.is_of(identity) and not (known and known.is_of(identity)):
        note(home, "known", name, identity)
    if any(one and one.is_of(identity) for one in (read, known)):
        return Look(model=name, source=source, state="unchanged")
    return Look(
        model=name,
        source=source,
        state="changed",
        told=_told(settings, home, identity, known or read),
        identity=identity,
        since=tuple(one.at for one in (read, known) if one),
    )


def _identity(settings: FlowSettings, home: Home, name: str) -> Mapping[str, Any]:
    """The source's identity; that of the last look, where no file was written since."""
    from nightloom.data.sources.opened import source_identity

    stamp = stamp_of(settings.data)
    before = noted(home, "looked", name)
    if stamp and before and before.stamp == stamp:
        return before.identity
    identity = source_identity(settings.data)
    note(home, "looked", name, identity, stamp=stamp)
    return identity


def _is_new(settings: FlowSettings, home: Home, identity: Mapping[str, Any]) -> bool:
    """Whether other rows of this source are cached, and these are not: nights of earlier versions
    of nightloom kept no note of what they read."""
    mine = download_dataset.declaration.key(settings, {}).parts()
    cached = [parts["external"].get(SOURCE) for parts in _alike(mine, ArtifactStore(home))]
    now = Noted(identity=identity, at=0.0)
    return bool(cached) and not any(one and now.is_of(one) for one in cached)


def _alike(mine: Mapping[str, Any], store: ArtifactStore) -> Iterator[Mapping[str, Any]]:
    def steady(parts: Mapping[str, Any]) -> Any:
        kept = {name: one for name, one in parts["settings"].items() if name not in DAYS}
        return parts["variant"], kept

    for key in store.keys(DATA):
        parts = store.parts(DATA, key)
        if parts is not None and steady(parts) == steady(mine):
            yield parts


def _told(
    settings: FlowSettings, home: Home, identity: Mapping[str, Any], before: Noted | None
) -> str:
    parts = download_dataset.declaration.key(settings, {}).parts()
    if told := changed(settings, home, parts):
        return told
    return f"{SOURCE} changed{inside(before.identity, dict(identity)) if before else ''}"
