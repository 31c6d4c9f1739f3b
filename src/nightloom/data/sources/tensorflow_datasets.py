"""Data sets of TensorFlow Datasets, as Arrow record batches.

The library keeps what it prepared in `TFDS_DATA_DIR`; that works without a network.
"""

import contextlib
import json
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from nightloom.data.sources.catalogue import version_of
from nightloom.data.sources.opened import Tables, split_names
from nightloom.downloads.growth import growth_shown
from nightloom.downloads.retrying import is_passing, retried
from nightloom.downloads.words import one_line
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import DataSettings
from nightloom.settings.spelling import quoted
from nightloom.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX = "tfds:"
_SECONDS_TO_CONNECT = 15


def identity(settings: DataSettings) -> Mapping[str, Any]:
    """Its name, and the version that the installed library has of it."""
    name = settings.source.removeprefix(PREFIX)
    return {"name": name, "version": version_of(name)}


def open_tfds(settings: DataSettings, report: Report = SILENT) -> Tables:
    """Download and open `tfds:NAME`; rows come in storage order.

    Raises InputError for an unknown name, RunError if the download finally fails.
    """
    source = settings.source
    name = source.removeprefix(PREFIX)
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        close = get_close_matches(name, tfds.list_builders(with_community_datasets=False), n=1)
        hint = f"; did you mean {PREFIX}{close[0]}?" if close else ""
        raise InputError(
            f"data.source={source}: TensorFlow Datasets has no {quoted(name, 40)}{hint} "
            "(its catalogue: https://www.tensorflow.org/datasets/catalog)"
        ) from error
    except Exception as error:
        raise InputError(f"data.source={source} cannot be opened: {one_line(error)}") from error
    report.log(f"{source}: version {builder.version} under {builder.data_dir}")
    _prepare_tfds(builder, source, report)
    features = builder.info.features
    names = split_names(list(builder.info.splits), source, settings.chosen_splits)
    if not hasattr(features, "items"):
        raise InputError(f"data.source={source} has rows without named columns: {features}")
    columns = tuple(
        key
        for key, kind in features.items()
        if isinstance(kind, tfds.features.Tensor) and kind.shape == ()
    )
    classes = {
        key: tuple(kind.names)
        for key, kind in features.items()
        if isinstance(kind, tfds.features.ClassLabel) and kind.num_classes
    }

    def reader(split: str) -> "Callable[[], Iterator[pa.RecordBatch]]":
        return lambda: _tfds_batches(builder, split, columns)

    return Tables(
        splits={ours: reader(theirs) for ours, theirs in names.parts.items()},
        columns=columns,
        class_names=classes,
        facts={"name": name, "version": str(builder.version)},
        left_out=names.left_out,
    )


def _prepare_tfds(builder: Any, source: str, report: Report) -> None:
    import tensorflow_datasets as tfds

    if builder.is_prepared():
        return
    folder = Path(builder.data_dir).parent
    downloads = Path(builder._data_dir_root) / "downloads"
    offline_way = (
        "set TFDS_DATA_DIR to a folder where it was prepared on another machine "
        f"(it holds {builder.info.full_name}/)"
    )
    other = " or data.source=hf:fancyzhx/ag_news" if builder.name == "ag_news_subset" else ""
    try:
        with (
            growth_shown(folder, what=f"prepare {source}", report=report),
            growth_shown(downloads, what=f"download {source}", report=report),
            contextlib.redirect_stdout(sys.stderr),
        ):
            config = tfds.download.DownloadConfig(try_download_gcs=_reaches_google_storage())

            def prepare() -> None:
                _check_hosts(set(builder.url_infos or {}) - _downloaded(downloads))
                builder.download_and_prepare(download_config=config)

            retried(prepare, what=source, report=report)
    except Exception as error:
        if _is_another_file(error):
            raise RunError(
                f"{source}: {_url_in(error)} sent something other than the expected file; "
                "Google Drive does so when it answers with a page about its quota. "
                f"Try again later, or {offline_way}{other}"
            ) from error
        if isinstance(error, ModuleNotFoundError):
            raise RunError(
                f"{source} cannot be prepared: {one_line(error)}; install that package"
            ) from error
        if not is_passing(error):
            raise RunError(
                f"{source} cannot be prepared: {one_line(error)}; {offline_way}{other}"
            ) from error
        raise RunError(
            f"{source}: its server cannot be reached ({one_line(error)}); check the network, or "
            f"{offline_way}{other}"
        ) from error


def _is_another_file(error: Exception) -> bool:
    """Whether a server sent the wrong content, by checksum or according to the client for Drive.

    TensorFlow Datasets assumes that any page of Google Drive asks for a confirmation; it
    needs bs4 to read the page and fails if there is no form in it.
    """
    text = str(error)
    return (
        type(error).__name__ == "NonMatchingChecksumError"
        or "confirmation link" in text
        or (isinstance(error, ImportError) and "bs4" in text)
    )


def _url_in(error: Exception) -> str:
    words = (word.strip(",.") for word in str(error).split())
    return next((word for word in words if word.startswith("http")), "its server")


def _downloaded(folder: Path) -> set[str]:
    """The addresses whose files are in the library's download folder."""
    urls: set[str] = set()
    for path in (*folder.glob("*.INFO"), *folder.glob("*/*.INFO")):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            urls.update(json.loads(path.read_text("utf-8")).get("urls", ()))
    return urls


def _check_hosts(urls: Iterable[str]) -> None:
    """Raise ConnectionError for an unreachable host; the library's client waits minutes."""
    if getproxies():
        return
    for host, port in sorted({_host_and_port(url) for url in urls}):
        try:
            socket.create_connection((host, port), timeout=_SECONDS_TO_CONNECT).close()
        except OSError as error:
            raise ConnectionError(f"no connection to {host}:{port}: {error}") from error


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or {"http": 80, "ftp": 21}.get(parts.scheme, 443)


def _reaches_google_storage() -> bool:
    """Whether the bucket of prepared data sets answers; if not, its client waits minutes."""
    try:
        socket.create_connection(("storage.googleapis.com", 443), timeout=3).close()
    except OSError:
        return False
    return True


def _tfds_batches(builder: Any, split: str, columns: tuple[str, ...]) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa
    import tensorflow_datasets as tfds

    from nightloom.data import ROWS_PER_BATCH

    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    batches = builder.as_dataset(
        split=split, shuffle_files=False, batch_size=ROWS_PER_BATCH, read_config=config
    )
    for batch in tfds.as_numpy(batches):
        arrays = []
        for name in columns:
            values = batch[name].tolist()
            if values and isinstance(values[0], bytes):
                values = [value.decode("utf-8", "replace") for value in values]
            arrays.append(pa.array(values))
        yield pa.RecordBatch.from_arrays(arrays, names=list(columns))


RECORD = Source(
    prefix=PREFIX,
    open=open_tfds,
    identity=identity,
    tasks=frozenset({"text"}),
    text_columns={"tfds:ag_news_subset": ("title", "description")},
)
