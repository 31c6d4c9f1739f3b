"""A model by https handle, through the real `tensorflow_hub` client, checked on the way.

tensorflow_hub unpacks while downloading. Here the transfer is completed first (and resumed if it
breaks), the archive is checked, and only then passed to the client, which unpacks it into its cache
(`TFHUB_CACHE_DIR`).
"""

import contextlib
import functools
import hashlib
import os
import shutil
import socket
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from nightloom.downloads.transfer import Answer, download
from nightloom.downloads.words import cleaned
from nightloom.errors import InputError, NightloomError
from nightloom.home import Home
from nightloom.progress import SILENT, Report
from nightloom.tfhub.archive import check_archive


def cache_folder() -> Path:
    """Where downloaded models are kept: `TFHUB_CACHE_DIR`, else in nightloom's home."""
    named = os.environ.get("TFHUB_CACHE_DIR")
    return Path(named).expanduser() if named else Home.current().root / "tfhub"


def is_offline() -> bool:
    """Whether `NIGHTLOOM_OFFLINE` or `HF_HUB_OFFLINE` forbids the network."""
    names = ("NIGHTLOOM_OFFLINE", "HF_HUB_OFFLINE")
    return any(os.environ.get(name, "").lower() in ("1", "true", "yes", "on") for name in names)


def resolve_handle(
    handle: str,
    *,
    cache: Path | None = None,
    offline: bool | None = None,
    report: Report = SILENT,
) -> Path:
    """The directory of the model with this http(s) handle, downloaded if not in the cache.

    `cache` and `offline` default to `cache_folder()` and `is_offline()`.

    Raises:
        InputError: offline and not in the cache, no network, no such model, not a model archive.
        RunError: the server failed, or the transfer broke several times.
    """
    import tensorflow as tf
    import tensorflow_hub as hub

    cache = (cache or cache_folder()).absolute()
    known = cache / hashlib.sha1(handle.encode(), usedforsecurity=False).hexdigest()
    if (known / "saved_model.pb").is_file():
        return known
    if is_offline() if offline is None else offline:
        raise InputError(
            f"offline, and {cleaned(handle)} is not in the cache {cache}; {_ways_out(cache)}"
        )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _clear_dead_lock(known)
        with _client(cache, report):
            return Path(hub.resolve(handle))
    except NightloomError:
        raise
    except (OSError, ValueError, tarfile.TarError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{cleaned(handle)} cannot be unpacked into the cache {cache}: {reason}; check the "
            "disk, or name another folder in TFHUB_CACHE_DIR"
        ) from error


def _ways_out(cache: Path) -> str:
    return (
        f"without network give a local directory as model.encoder, or fill the cache {cache} once "
        "where there is one (TFHUB_CACHE_DIR names another) and set NIGHTLOOM_OFFLINE=1"
    )


def _clear_dead_lock(model: Path) -> None:
    """Remove the client's lock if its holder is dead; the client would wait for a minute."""
    lock = model.with_name(f"{model.name}.lock")
    try:
        host, process, task = lock.read_text("utf-8").rsplit(".", 2)
        if host != socket.gethostname():
            return
        os.kill(int(process), 0)
    except ProcessLookupError:
        lock.unlink(missing_ok=True)
        shutil.rmtree(model.with_name(f"{model.name}.{task}.tmp"), ignore_errors=True)
    except (OSError, ValueError):
        return


def _no_archive(answer: Answer) -> str:
    if not answer.type.startswith("text/") and answer.type != "application/json":
        return ""
    return (
        f"expected a .tar.gz archive, got {answer.type}; check the handle (a model's page is not a "
        "model)"
    )


@contextlib.contextmanager
def _client(cache: Path, report: Report) -> Iterator[None]:
    resolver = _resolver()
    wanted = {"TFHUB_CACHE_DIR": str(cache), "TFHUB_MODEL_LOAD_FORMAT": "COMPRESSED"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    resolver.work = cache, report
    try:
        yield
    finally:
        resolver.work = None
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@functools.cache
def _resolver() -> Any:
    """Our resolver, registered with tensorflow_hub once; at work only inside `_client`."""
    from tensorflow_hub import compressed_module_resolver, registry

    class CheckedResolver(compressed_module_resolver.HttpCompressedFileResolver):
        work: tuple[Path, Report] | None = None

        def is_supported(self, handle: str) -> bool:
            return self.work is not None and super().is_supported(handle)

        def _call_urlopen(self, request: urllib.request.Request) -> IO[bytes]:
            assert self.work is not None
            cache, report = self.work
            url = request if isinstance(request, str) else request.full_url
            spool = tempfile.TemporaryFile(dir=cache)  # noqa: SIM115 (the client reads it)
            download(
                url,
                spool,
                ways_out=_ways_out(cache),
                accept=_no_archive,
                missing="there is no such model, check it",
                context=self._context,
                report=report,
            )
            check_archive(spool, cleaned(url))
            spool.seek(0)
            return spool

    resolver = CheckedResolver()
    registry.resolver.add_implementation(resolver)
    return resolver
