"""One model by its https handle, through the real `tensorflow_hub` client, checked on the way.

tensorflow_hub unpacks what it downloads while it downloads it. Here the transfer is finished
first (resumed where it broke), the archive is looked through, and only then handed to the client,
which unpacks it into its cache (`TFHUB_CACHE_DIR`).
"""

import contextlib
import functools
import http.client
import os
import posixpath
import ssl
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from nightloom.errors import InputError, NightloomError, RunError
from nightloom.home import Home
from nightloom.progress import SILENT, Report

MAX_UNPACKED = 16 * 2**30
MAX_FILES = 10_000
TRIES = 3
TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 2**20
_LOCK_TIMEOUT = 30  # seconds after which the lock of a dead download is taken over


def cache_folder() -> Path:
    """Where downloaded models are kept: `TFHUB_CACHE_DIR`, else in nightloom's home."""
    named = os.environ.get("TFHUB_CACHE_DIR")
    return Path(named) if named else Home.current().root / "tfhub"


def is_offline() -> bool:
    """True where `NIGHTLOOM_OFFLINE` or `HF_HUB_OFFLINE` asks for no network."""
    names = ("NIGHTLOOM_OFFLINE", "HF_HUB_OFFLINE")
    return any(os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in names)


def resolve_handle(handle: str, *, cache: Path, offline: bool, report: Report = SILENT) -> Path:
    """The directory of the model with this http(s) handle, downloaded if the cache has it not.

    Raises:
        InputError: offline and not in the cache, no network, no such model, not a model archive.
        RunError: the server failed, or the transfer broke `TRIES` times.
    """
    import tensorflow_hub as hub

    cache = cache.absolute()
    if offline:
        import hashlib

        known = cache / hashlib.sha1(handle.encode(), usedforsecurity=False).hexdigest()
        if not (known / "saved_model.pb").is_file():
            raise InputError(
                f"offline, and {handle} is not in the cache {cache}; fill the cache (run once with "
                "network, or set TFHUB_CACHE_DIR to a filled one), or give a local directory"
            )
        return known
    cache.mkdir(parents=True, exist_ok=True)
    try:
        with _client(cache, report):
            return Path(hub.resolve(handle))
    except NightloomError:
        raise
    except (OSError, ValueError, tarfile.TarError) as error:
        raise InputError(f"{handle} cannot be unpacked into {cache}: {error}") from error


@contextlib.contextmanager
def _client(cache: Path, report: Report) -> Iterator[None]:
    resolver = _resolver()
    wanted = {"TFHUB_CACHE_DIR": str(cache), "TFHUB_MODEL_LOAD_FORMAT": "COMPRESSED"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    resolver.report, resolver.cache = report, cache
    try:
        yield
    finally:
        resolver.report = resolver.cache = None
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@functools.cache
def _resolver() -> Any:
    """Our resolver, registered with tensorflow_hub once; at work only inside `_client`."""
    from tensorflow_hub import compressed_module_resolver, registry

    class CheckedResolver(compressed_module_resolver.HttpCompressedFileResolver):
        report: Report | None = None
        cache: Path | None = None

        def is_supported(self, handle: str) -> bool:
            return self.cache is not None and super().is_supported(handle)

        def _lock_file_timeout_sec(self) -> int:
            return _LOCK_TIMEOUT

        def _call_urlopen(self, request: urllib.request.Request) -> IO[bytes]:
            assert self.cache is not None and self.report is not None
            url = request if isinstance(request, str) else request.full_url
            spool = tempfile.TemporaryFile(dir=self.cache)
            download(url, spool, context=self._context, cache=self.cache, report=self.report)
            check_archive(spool, url)
            spool.seek(0)
            return spool

    resolver = CheckedResolver()
    registry.resolver.add_implementation(resolver)
    return resolver


def download(
    url: str, spool: IO[bytes], *, context: ssl.SSLContext | None, cache: Path, report: Report
) -> None:
    """Bring a file here completely; a broken transfer goes on where it stopped."""
    done = 0
    problem = ""
    for attempt in range(TRIES):
        if attempt:
            report.warn(f"{url}: {problem}; trying again at byte {done}")
            time.sleep(0.5 * 2**attempt)
        try:
            done, total = _transfer(url, spool, done, context, report)
            if total is None or done == total:
                return
            problem = f"the transfer broke off at {done} of {total} bytes"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                raise InputError(f"{url} answers {error.code}: there is no such model") from error
            problem = f"the server answers {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 429):
                raise RunError(
                    f"{url}: {problem}; the cache {cache} or a local directory works without it"
                ) from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            problem = f"no connection ({getattr(error, 'reason', error)})"
            done = spool.tell()
            if not done and attempt == TRIES - 1:
                raise InputError(
                    f"{url}: {problem}; without network give a local directory, or set "
                    f"NIGHTLOOM_OFFLINE=1 and have the model in the cache {cache} "
                    "(TFHUB_CACHE_DIR names another one)"
                ) from error
    raise RunError(f"{url}: {problem}, after {TRIES} tries; run again, or give a local directory")


def _transfer(
    url: str, spool: IO[bytes], done: int, context: ssl.SSLContext | None, report: Report
) -> tuple[int, int | None]:
    request = urllib.request.Request(url)
    if done:
        request.add_header("Range", f"bytes={done}-")
    secure = context if url.startswith("https:") else None
    with urllib.request.urlopen(request, timeout=TIMEOUT, context=secure) as response:
        kind = response.headers.get_content_type()
        if kind.startswith("text/") or kind == "application/json":
            raise InputError(
                f"{url}: expected a .tar.gz archive, got {kind}; check the handle (a model page "
                "is not a model)"
            )
        if done and response.status != 206:
            done = 0
        spool.seek(done)
        spool.truncate()
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        try:
            while chunk := response.read(_CHUNK):
                spool.write(chunk)
                done += len(chunk)
                size = float(total) if total else None
                report.progress(what=f"download {url}", done=done, total=size, unit="bytes")
        except (OSError, http.client.HTTPException):
            return done, total if total else done + 1
    return done, total


def check_archive(spool: IO[bytes], source: str) -> None:
    """Read a tar archive through without unpacking it.

    Raises:
        InputError: not a tar archive, truncated, entries that are links or devices, that lead out
            of the folder or occur twice, too large, or no SavedModel inside.
    """
    spool.seek(0)
    names: set[str] = set()
    size = 0
    try:
        with tarfile.open(fileobj=spool, mode="r:*") as archive:
            for entry in archive:
                _check_entry(entry, source)
                name = posixpath.normpath(entry.name)
                size += entry.size
                if entry.isfile() and name in names:
                    raise InputError(f"{source}: the archive contains {name!r} twice")
                names.add(name)
                if size > MAX_UNPACKED or len(names) > MAX_FILES:
                    raise InputError(
                        f"{source}: the archive unpacks to more than {MAX_UNPACKED} bytes or "
                        f"{MAX_FILES} files"
                    )
                if entry.isfile():
                    content = archive.extractfile(entry)
                    while content and content.read(_CHUNK):
                        pass
    except InputError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise InputError(f"{source}: expected a complete .tar.gz archive ({error})") from error
    except Exception as error:  # zlib.error, lzma.LZMAError and their like have no common base
        raise InputError(f"{source}: the archive is damaged ({error})") from error
    if "saved_model.pb" not in names:
        raise InputError(f"{source}: the archive contains no saved_model.pb at its top")


def _check_entry(entry: tarfile.TarInfo, source: str) -> None:
    if not (entry.isfile() or entry.isdir()):
        raise InputError(
            f"{source}: the archive contains {entry.name!r}, a link or device; refused"
        )
    name = entry.name.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or ":" in name.split("/")[0]:
        raise InputError(f"{source}: the archive's {entry.name!r} leads out of its folder; refused")
