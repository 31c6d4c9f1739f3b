"""A data set of a hub, opened: how to read its splits, and what is known of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from nightloom.data.sources.roles import Assigned, Part, assign, roles_of
from nightloom.errors import InputError
from nightloom.settings.spelling import listed


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A data set of a hub: how to read each split, class names by column, and what it is."""

    splits: Mapping[str, Callable[[], Iterator[pa.RecordBatch]]]
    columns: tuple[str, ...]
    class_names: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, Any]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Splits that are not read, and why."""


def split_names(present: Sequence[str], source: str, chosen: Mapping[str, str]) -> Assigned:
    """Map train, valid and test to the hub's names; `chosen` are those that settings ask for.

    Raises InputError where there is no train, and where two claim one split.
    """
    parts = [Part(name, roles_of(name)) for name in present]
    found = assign(parts, chosen, source=f"data.source={source}", kind="split", strict=False)
    if "train" not in found.parts:
        raise InputError(
            f"data.source={source} has no split named train; its splits are: {listed(present)}; "
            f"to take one as train: data.train_split={present[0] if present else 'NAME'}"
        )
    return found
