"""Data sets from the hubs: TensorFlow Datasets and Hugging Face, as Arrow record batches.

Both libraries keep their own caches, where `TFDS_DATA_DIR` and `HF_HOME` say; a filled cache
serves without a network.
"""

import contextlib
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import pyarrow as pa

from nightloom.data.arrow import ROWS_PER_BATCH
from nightloom.data.download import growth_shown, is_passing, one_line, retried
from nightloom.data.sources import parse_hf
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import TFDS

_VALID_NAMES = ("validation", "valid", "dev")


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A data set of a hub: how to read each split, class names by column, and what it is."""

    splits: Mapping[str, Callable[[], Iterator[pa.RecordBatch]]]
    columns: tuple[str, ...]
    class_names: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, Any]


def split_names(present: list[str], source: str) -> dict[str, str]:
    """Map train, valid and test to the hub's names; InputError where there is no train."""
    found = {"train": "train", "test": "test"}
    found["valid"] = next((name for name in _VALID_NAMES if name in present), "")
    found = {split: found[split] for split in ("train", "valid", "test") if found[split] in present}
    if "train" not in found:
        raise InputError(
            f"data.source={source} has no split named train; its splits are: {', '.join(present)}"
        )
    return found


def open_tfds(source: str, report: Report = SILENT) -> HubDataset:
    """Download and open `tfds:NAME`; rows come in the order in which they are stored.

    Raises InputError for an unknown name, RunError where the download fails for good.
    """
    name = source.removeprefix(TFDS)
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        close = get_close_matches(name, tfds.list_builders(with_community_datasets=False), n=1)
        hint = f"; did you mean {TFDS}{close[0]}?" if close else ""
        raise InputError(
            f"data.source={source}: TensorFlow Datasets has no '{name}'{hint} "
            "(its catalogue: https://www.tensorflow.org/datasets/catalog)"
        ) from error
    except Exception as error:
        raise InputError(f"data.source={source} cannot be opened: {one_line(error)}") from error
    report.log(f"{source}: version {builder.version} under {builder.data_dir}")
    _prepare_tfds(builder, source, report)
    features = builder.info.features
    names = split_names(list(builder.info.splits), source)
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

    def reader(split: str) -> Callable[[], Iterator[pa.RecordBatch]]:
        return lambda: _tfds_batches(builder, split, columns)

    facts = {"kind": "tfds", "name": name, "version": str(builder.version)}
    splits = {ours: reader(theirs) for ours, theirs in names.items()}
    return HubDataset(splits, columns, classes, facts)


def _prepare_tfds(builder: Any, source: str, report: Report) -> None:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

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
                _check_hosts(builder.url_infos or {})
                builder.download_and_prepare(download_config=config)

            retried(prepare, what=source, report=report)
    except NonMatchingChecksumError as error:
        url = next((word for word in str(error).split() if word.startswith("http")), "its server")
        raise RunError(
            f"{source}: {url.rstrip(',')} sent another file than the one expected (checksums "
            "differ); Google Drive does so when it answers with a quota page instead of the file. "
            f"Try again later, {offline_way}, or take another source{other}"
        ) from error
    except ModuleNotFoundError as error:
        raise RunError(
            f"{source}: TensorFlow Datasets needs the Python package '{error.name}'; install it"
        ) from error
    except Exception as error:
        if not is_passing(error):
            raise RunError(
                f"{source} cannot be prepared: {one_line(error)}; {offline_way}{other}"
            ) from error
        raise RunError(
            f"{source}: its server cannot be reached ({one_line(error)}); check the network, or "
            f"{offline_way}{other}"
        ) from error


def _check_hosts(urls: Iterable[str]) -> None:
    """Raise ConnectionError for a host without address; the library's client waits minutes."""
    if getproxies():
        return
    for host in sorted({urlsplit(url).hostname or "" for url in urls}):
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            raise ConnectionError(f"{host} has no address: {error}") from error


def _reaches_google_storage() -> bool:
    """Whether the bucket of prepared data sets answers; its client waits minutes where not."""
    try:
        socket.create_connection(("storage.googleapis.com", 443), timeout=3).close()
    except OSError:
        return False
    return True


def _tfds_batches(builder: Any, split: str, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    import tensorflow_datasets as tfds

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


def open_hf(source: str, report: Report = SILENT) -> HubDataset:
    """Download and open `hf:NAME[:CONFIG][@REVISION]`, Parquet data only; no code of it is run.

    The facts hold the commit that the revision stands for. Raises InputError for a name,
    configuration or revision that the hub does not have, RunError where it cannot be reached.
    """
    name, config, revision = parse_hf(source)
    import datasets

    datasets.disable_progress_bars()
    cache = Path(datasets.config.HF_DATASETS_CACHE)
    hub_cache = Path(os.environ.get("HF_HUB_CACHE") or cache.parent / "hub")

    def build() -> Any:
        builder = datasets.load_dataset_builder(name, config, revision=revision)
        module = type(builder).__module__
        if not module.startswith(
            ("datasets.packaged_modules.parquet", "datasets.packaged_modules.cache")
        ):
            raise InputError(
                f"data.source={source} holds its data as {module.split('.')[2]}; expected Parquet: "
                "download its files and give their folder as data.source"
            )
        builder.download_and_prepare()
        return builder

    try:
        with (
            growth_shown(hub_cache, what=f"download {source}", report=report),
            growth_shown(cache, what=f"prepare {source}", report=report),
        ):
            builder = retried(build, what=source, report=report, attempts=2)
    except InputError:
        raise
    except Exception as error:
        raise _hf_problem(error, source, cache) from error
    if revision and re.fullmatch("[0-9a-f]{40}", revision) and builder.hash != revision:
        raise RunError(
            f"{source} is not in the cache {cache}, which holds commit {builder.hash} instead; "
            "unset HF_HUB_OFFLINE, or ask for that commit"
        )
    names = split_names([str(split) for split in builder.info.splits], source)
    features = builder.info.features
    classes = {}
    for column, feature in features.items():
        inner = getattr(feature, "feature", feature)
        if isinstance(inner, datasets.ClassLabel) and inner.names:
            classes[column] = tuple(inner.names)

    def reader(split: str) -> Callable[[], Iterator[pa.RecordBatch]]:
        return lambda: _hf_batches(builder, split)

    facts = {
        "kind": "hf",
        "name": name,
        "config": builder.config.name,
        "revision": builder.hash,
    }
    splits = {ours: reader(theirs) for ours, theirs in names.items()}
    return HubDataset(splits, tuple(features), classes, facts)


def _hf_batches(builder: Any, split: str) -> Iterator[pa.RecordBatch]:
    table = builder.as_dataset(split=split).with_format("arrow")
    for batch in table.iter(batch_size=ROWS_PER_BATCH):
        yield from batch.combine_chunks().to_batches()


def _hf_problem(error: Exception, source: str, cache: Path) -> InputError | RunError:
    kind, text = type(error).__name__, one_line(error)
    if (
        kind in ("DatasetNotFoundError", "DataFilesNotFoundError", "EmptyDatasetError")
        or "BuilderConfig" in text
    ):
        return InputError(
            f"data.source={source}: {text}; expected hf:NAME[:CONFIG][@REVISION] of a data set "
            "that exists, and HF_TOKEN in the environment where it is private"
        )
    if "scripts are no longer supported" in text:
        return InputError(
            f"data.source={source} is a loading script, which is never run; expected a data set "
            "with Parquet files (hf:lhoestq/conll2003 has CoNLL-2003 so)"
        )
    if "OfflineMode" in text or "OfflineMode" in kind or "Couldn't find cache" in text:
        return RunError(
            f"{source} is not in the cache {cache} and HF_HUB_OFFLINE forbids the network; unset "
            "it, or set HF_HOME to a cache filled on another machine"
        )
    if is_passing(error):
        return RunError(
            f"{source}: the Hugging Face hub cannot be reached ({text}) and the cache {cache} does "
            "not hold it; check the network, set HF_ENDPOINT to a mirror, or HF_HOME to a filled "
            "cache with HF_HUB_OFFLINE=1"
        )
    return RunError(f"{source} cannot be loaded ({kind}: {text}); the cache is {cache}")
