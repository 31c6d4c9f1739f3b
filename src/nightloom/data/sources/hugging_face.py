"""Data sets of the Hugging Face hub, as Arrow record batches; Parquet only, no code of them is run.

The library keeps its own cache, where `HF_HOME` says; a filled cache serves without a network.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from nightloom.data.arrow import ROWS_PER_BATCH
from nightloom.data.download import growth_shown, is_passing, one_line, retried
from nightloom.data.sources.hub_dataset import HubDataset, split_names
from nightloom.data.sources.identity import parse_hf
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report


def open_hf(source: str, chosen: Mapping[str, str], report: Report = SILENT) -> HubDataset:
    """Download and open `hf:NAME[:CONFIG][@REVISION]`, Parquet data only; no code of it is run.

    `chosen` are the splits that settings ask for, by ours. The facts hold the commit that the
    revision stands for. Raises InputError for a name, configuration or revision that the hub does
    not have, RunError where it cannot be reached.
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
    names = split_names([str(split) for split in builder.info.splits], source, chosen)
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
    splits = {ours: reader(theirs) for ours, theirs in names.parts.items()}
    return HubDataset(splits, tuple(features), classes, facts, names.left_out)


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
