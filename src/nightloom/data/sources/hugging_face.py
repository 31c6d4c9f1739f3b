"""Data sets of the Hugging Face hub, as Arrow record batches; Parquet only, never their code.

The library keeps its own cache in `HF_HOME`; a filled cache works without a network.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.data.sources import states
from nightloom.data.sources.commits import commit_key, current_commit
from nightloom.data.sources.opened import Tables, split_names
from nightloom.data.sources.states import State, last_known, required
from nightloom.downloads.growth import growth_shown
from nightloom.downloads.retrying import is_passing, retried
from nightloom.downloads.words import one_line
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import DataSettings
from nightloom.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX = "hf:"
_HUB = "the Hugging Face hub"
COMMIT = re.compile("[0-9a-f]{40}")
_NAME = re.compile(r"(?P<name>[\w.-]+(/[\w.-]+)?)(:(?P<config>[^@:]+))?(@(?P<revision>[\w./-]+))?")


def parse_hf(source: str) -> tuple[str, str | None, str | None]:
    """Name, configuration and revision of `hf:NAME[:CONFIG][@REVISION]`.

    Raises InputError if the source does not have that form.
    """
    match = _NAME.fullmatch(source.removeprefix(PREFIX))
    if match is None:
        raise InputError(
            f"data.source={source}: expected hf:NAME[:CONFIG][@REVISION], "
            "for example hf:fancyzhx/ag_news"
        )
    return match["name"], match["config"], match["revision"]


def identity(settings: DataSettings) -> Mapping[str, Any]:
    """The requested data set, and its current commit.

    Raises RunError if the hub cannot be reached and `data.offline=fail`.
    """
    name, config, revision = parse_hf(settings.source)
    commit = _commit(settings)
    if commit.unreached and settings.offline == "fail":
        required(commit, source=settings.source, what=_HUB, offline=settings.offline)
    return {"name": name, "config": config, "revision": revision, "commit": _id(commit)}


def told(settings: DataSettings) -> str:
    """A note that rows of an earlier commit may be used, if the hub cannot be reached."""
    commit = _commit(settings)
    return states.told(
        commit, source=settings.source, what=_HUB, was=f", commit {(_id(commit) or '')[:8]}"
    )


def _commit(settings: DataSettings) -> State:
    name, _, revision = parse_hf(settings.source)
    if revision and COMMIT.fullmatch(revision):
        return State({"id": revision})
    return current_commit(name, revision)


def _id(commit: State) -> str | None:
    return None if commit.value is None else str(commit.value["id"])


def open_hf(settings: DataSettings, report: Report = SILENT) -> Tables:
    """Download and open `hf:NAME[:CONFIG][@REVISION]`, Parquet data only; its code is never run.

    The facts contain the revision's commit. Raises InputError for a name, configuration or revision
    that the hub does not have, RunError if it cannot be reached.
    """
    source = settings.source
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
    if revision and COMMIT.fullmatch(revision) and builder.hash != revision:
        raise RunError(
            f"{source} is not in the cache {cache}, which holds commit {builder.hash} instead; "
            "unset HF_HUB_OFFLINE, or ask for that commit"
        )
    names = split_names(
        [str(split) for split in builder.info.splits], source, settings.chosen_splits
    )
    features = builder.info.features
    classes = {}
    for column, feature in features.items():
        inner = getattr(feature, "feature", feature)
        if isinstance(inner, datasets.ClassLabel) and inner.names:
            classes[column] = tuple(inner.names)

    def reader(split: str) -> "Callable[[], Iterator[pa.RecordBatch]]":
        return lambda: _hf_batches(builder, split)

    return Tables(
        splits={ours: reader(theirs) for ours, theirs in names.parts.items()},
        columns=tuple(features),
        class_names=classes,
        facts={"name": name, "config": builder.config.name, "revision": builder.hash},
        identity=_identity_of(settings, str(builder.hash)),
        left_out=names.left_out,
    )


def _identity_of(settings: DataSettings, commit: str) -> Mapping[str, Any] | None:
    """What a key holds for the commit that was loaded; None where no commit was ever asked for."""
    name, config, revision = parse_hf(settings.source)
    pinned = bool(revision and COMMIT.fullmatch(revision))
    if not COMMIT.fullmatch(commit) or not (pinned or last_known(commit_key(name, revision))[0]):
        return None
    return {"name": name, "config": config, "revision": revision, "commit": commit}


def _hf_batches(builder: Any, split: str) -> "Iterator[pa.RecordBatch]":
    from nightloom.data import ROWS_PER_BATCH

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
            "that exists, and HF_TOKEN in the environment if it is private"
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


RECORD = Source(prefix=PREFIX, open=open_hf, identity=identity, told=told)
