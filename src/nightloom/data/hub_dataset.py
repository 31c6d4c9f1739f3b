"""A data set of a hub, opened: how to read its splits, and what is known of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from nightloom.errors import InputError

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
