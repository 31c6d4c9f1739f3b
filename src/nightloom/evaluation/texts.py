"""Rows of tables with as much of their texts as `report.texts` lets through."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nightloom.settings.report import Texts

SHORT = 60
"""Characters that are left of a text."""
COLUMNS = ("text", "tokens", "gold_text", "predicted_text")
WORD = "token"
"""One word a row: all of them would make up the texts again, so they are full or absent."""
ENTITIES = ("gold", "predicted", "right", "champion", "this", "expected", "wanted", "came")
"""Columns that hold `Berlin (LOC); Ann Lee (PER)` where entities are told."""


def shortened(text: str, texts: Texts) -> str:
    """As much of a text as is shown."""
    if texts == "none":
        return ""
    return text if texts == "full" or len(text) <= SHORT else text[: SHORT - 1] + "…"


def types_in(task: str, label_names: Sequence[str]) -> list[str]:
    """The types of entities that a data set has; none where its rows have classes."""
    if task != "entities":
        return []
    return sorted({name[2:] for name in label_names if name[1:2] == "-"})


def discreet(row: Mapping[str, Any], texts: Texts, types: Sequence[str] = ()) -> dict[str, Any]:
    """A row with its texts shortened or emptied; types: of the entities it may tell."""
    if texts == "full":
        return dict(row)
    return {name: _cell(name, value, texts, types) for name, value in row.items()}


def _cell(name: str, value: Any, texts: Texts, types: Sequence[str]) -> Any:
    if name == WORD:
        return ""
    if name in COLUMNS:
        text = value if isinstance(value, str) else " ".join(map(str, value or ()))
        return shortened(text, texts)
    if types and name in ENTITIES and isinstance(value, str):
        is_entity = "(" in value
        return shortened(value, texts) or (told_types(value, types) if is_entity else value)
    return value


def told_types(value: str, types: Sequence[str]) -> str:
    """Of `Berlin (LOC); Ann Lee (PER)` the types alone: `LOC; PER`."""
    named = "|".join(map(re.escape, types))
    return "; ".join(re.findall(rf"\(({named})\)(?=; |$)", value))
