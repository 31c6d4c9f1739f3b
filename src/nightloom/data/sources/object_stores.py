"""Files in object stores, by fsspec: `s3://`, `gs://` and `az://`, known by their listing."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from glob import has_magic
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from nightloom.data.formats.known import ENDINGS
from nightloom.data.sources import fetched, states
from nightloom.data.sources.file_names import NO_DATA, format_of, is_hidden
from nightloom.data.sources.files import counter
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.opened import Files
from nightloom.data.sources.patterns import in_pattern
from nightloom.data.sources.states import State
from nightloom.data.sources.unused import refuse_unused
from nightloom.downloads.retrying import Passing, retried
from nightloom.downloads.words import cleaned, one_line
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import DataSettings
from nightloom.sources import Source

T = TypeVar("T")
SECONDS = 10
"""How long a store may take to answer."""
_PACKAGES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "az": ("adlfs", "azure")}
"""The package for each scheme, and the extra that brings it."""
_STORE = "the object store"
_LOGIN = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile of AWS",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or gcloud's own",
    "az": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and its key",
}
_MARKS = ("ETag", "etag", "md5Hash", "content_md5", "generation", "LastModified", "last_modified")
"""What tells one content of an object from another, the best first, as the packages call it."""


@dataclass(frozen=True)
class _Object:
    path: str
    """In the store."""
    name: str
    """Below what the source names."""
    size: int
    mark: str

    @property
    def identity(self) -> dict[str, Any]:
        return {"name": self.name, "bytes": self.size, "etag": self.mark}


def identity(settings: DataSettings) -> Mapping[str, Any]:
    """Names, sizes and ETags of the files that are read, and the names of those that are not.

    Raises InputError where there are none, RunError for a store that does not answer where
    `data.offline=fail`, or where it never did.
    """
    state = states.required(
        _state(settings), source=settings.source, what=_STORE, offline=settings.offline
    )
    return {"address": cleaned(settings.source), **state}


def told(settings: DataSettings) -> str:
    """That an earlier state of the files is used, where the store does not answer."""
    return states.told(_state(settings), source=settings.source, what=_STORE)


def accepts(settings: DataSettings) -> None:
    """Raises ValueError for what names no bucket."""
    parts = urlsplit(settings.source)
    if not parts.netloc or not settings.source.startswith(f"{parts.scheme}://"):
        raise ValueError(
            f"data.source={settings.source}: expected {parts.scheme or 's3'}://BUCKET/PATH"
        )


def check(settings: DataSettings) -> None:
    """Raises InputError where the package for the store is not installed."""
    _package(settings.source)


def _key(settings: DataSettings) -> states.Key:
    return ("objects", settings.source, settings.task)


def _state(settings: DataSettings) -> State:
    return states.current(_key(settings), lambda: _described(*_listed(settings)))


def _described(objects: list[_Object], lost: Mapping[str, str]) -> dict[str, Any]:
    known: dict[str, Any] = {"files": [one.identity for one in objects]}
    return {**known, "left_out": sorted(lost)} if lost else known


def open_objects(settings: DataSettings, report: Report = SILENT) -> Files:
    """Fetch the files that are new; those that were fetched before are linked."""
    key = _key(settings)
    known, _ = states.last_known(key)
    folder = fetched.find(key, known)
    if folder is None:
        try:
            with fetched.fetching() as new:
                known = _fetch(settings, new, report)
                folder = fetched.keep(new, key, known)
        except Passing as error:
            raise RunError(
                f"{settings.source}: {_STORE} cannot be reached ({error}); check the network, or "
                "run again later"
            ) from error
    endings = ENDINGS[settings.task]
    path = _path(settings.source)
    if has_magic(path):
        found = in_pattern(folder, "**", endings, settings.chosen_splits)
    else:
        single = folder / PurePosixPath(path).name
        alone = single.is_file() and [one["name"] for one in (known or {})["files"]] == [
            single.name
        ]
        is_file = alone and bool(format_of(Path(path), endings)[0])
        found = look_into(str(single if is_file else folder), endings, settings.chosen_splits)
    refuse_unused(settings, {one.format for one in found.files.values()})
    lost = dict.fromkeys((known or {}).get("left_out", ()), "it is not of a type that is read")
    address = cleaned(settings.source)
    return replace(
        found,
        left_out={**found.left_out, **lost},
        identity={"address": address, **(known or {})},
        facts={"address": address},
        rows=counter(settings),
    )


def _fetch(settings: DataSettings, folder: Path, report: Report) -> dict[str, Any]:
    objects, lost = _listed(settings)
    store = _store(settings.source)
    total, done = sum(one.size for one in objects), 0
    for one in objects:
        local = folder / one.name
        local.parent.mkdir(parents=True, exist_ok=True)
        own = ("object", one.path)
        kept = fetched.find(own, one.identity)
        if kept is not None:
            os.link(next(kept.iterdir()), local)
        else:
            _get(settings.source, store, one, local, report)
            with fetched.fetching() as alone:
                os.link(local, alone / local.name)
                fetched.keep(alone, own, one.identity)
        done += one.size
        report.progress(what=f"download {settings.source}", done=done, total=total, unit="bytes")
    return _described(objects, lost)


def _get(source: str, store: Any, one: _Object, local: Path, report: Report) -> None:
    """Fetch one object; raises RunError where it is no longer what was listed."""

    def get() -> dict[str, Any]:
        store.get_file(one.path, str(local))
        found: dict[str, Any] = store.info(one.path)
        return found

    info = retried(lambda: _asked(source, get), what=source, report=report)
    if (local.stat().st_size, _mark(info)) != (one.size, one.mark):
        raise RunError(f"{source}: {one.name} changed while it was fetched; run again")


def _listed(settings: DataSettings) -> tuple[list[_Object], dict[str, str]]:
    """The files that are read, by name, and why the others are not."""
    store, path = _store(settings.source), _path(settings.source)

    def ask() -> tuple[str, dict[str, Any]]:
        if has_magic(path):
            parts = path.split("/")
            fixed = next(number for number, part in enumerate(parts) if has_magic(part))
            return "/".join(parts[:fixed]), store.glob(path, detail=True)
        info = store.info(path)
        if info["type"] == "file":
            return str(PurePosixPath(path).parent), {path: info}
        return path, store.find(path, detail=True)

    base, found = retried(
        lambda: _asked(settings.source, ask), what=settings.source, report=SILENT, attempts=2
    )
    objects, lost = [], {}
    for where, info in sorted(found.items()):
        name = where.removeprefix(base).lstrip("/")
        parts = PurePosixPath(name).parts
        if info["type"] != "file" or any(is_hidden(Path(part)) for part in parts):
            continue
        form, why = format_of(Path(name), ENDINGS[settings.task])
        if form and ".." not in parts:
            objects.append(_Object(where, name, int(info["size"]), _mark(info)))
        elif PurePosixPath(name).suffix.lower() not in NO_DATA:
            lost[name] = why
    if not objects:
        raise InputError(
            f"data.source={settings.source}: no file that is read is there "
            f"({len(found)} listed); expected one of type {', '.join(ENDINGS[settings.task])}"
        )
    return objects, lost


def _mark(info: Mapping[str, Any]) -> str:
    """What tells this content of an object from others."""
    return str(next((info[name] for name in _MARKS if info.get(name)), "")).strip('"')


def _path(source: str) -> str:
    """Bucket and path."""
    return source.partition("://")[2].rstrip("/")


def _package(source: str) -> str:
    scheme = source.partition(":")[0]
    package, extra = _PACKAGES[scheme]
    if find_spec(package) is None:
        raise InputError(
            f"data.source={source}: {scheme}:// needs the package {package}; install it: "
            f"pip install 'nightloom[{extra}]'"
        )
    return scheme


def _store(source: str) -> Any:
    """The store, which logs in by what its provider's own tools read, and asks anew each time."""
    scheme = _package(source)
    import fsspec

    options: dict[str, Any] = {}
    if scheme == "s3":
        times = {"connect_timeout": SECONDS, "read_timeout": 60, "retries": {"max_attempts": 1}}
        options["config_kwargs"] = times
    store = _asked(
        source,
        lambda: fsspec.filesystem(
            scheme, skip_instance_cache=True, use_listings_cache=False, **options
        ),
    )
    if scheme == "s3":
        store.retries = 1  # the attempts are ours
    return store


def _asked(source: str, call: Callable[[], T]) -> T:
    """What `call` gives; raises InputError for a refusal, Passing where there is no answer."""
    try:
        return call()
    except FileNotFoundError as error:
        raise InputError(
            f"data.source={source}: the store has no such object or bucket; check its name"
        ) from error
    except Exception as error:
        told, kind = one_line(error), type(error).__name__
        refused = isinstance(error, PermissionError) or "Credential" in kind or "Auth" in kind
        if refused or (isinstance(error, ValueError) and "account" in told.lower()):
            raise InputError(
                f"data.source={source}: the store refuses the login ({told}); expected in the "
                f"environment: {_LOGIN[source.partition(':')[0]]}"
            ) from error
        module = type(error).__module__.partition(".")[0]
        if isinstance(error, OSError) or module in (
            *("aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "requests"),
            *("urllib3", "asyncio", "fsspec"),
        ):
            raise Passing(told) from error
        raise


S3 = Source(
    prefix="s3:",
    open=open_objects,
    identity=identity,
    told=told,
    check=check,
    accepts=accepts,
    has_files=True,
    written="s3://BUCKET/PATH",
)
GS = replace(S3, prefix="gs:", written="gs://BUCKET/PATH")
AZ = replace(S3, prefix="az:", written="az://CONTAINER/PATH")
