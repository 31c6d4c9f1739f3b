"""How a version's training rows were read: which columns make a text, in which kind of file.

Stored as a tag, so that what is predicted on is read in the same way. Of versions without the tag
the parameters of their run tell, which MLflow keeps as texts.
"""

import ast
import json
from collections.abc import Mapping
from typing import Any

from nightloom.registry.versions import Version

READING_TAG = "nightloom.reading"
LONGEST = 5000
"""Characters that MLflow takes as the value of a version's tag."""
SETTINGS = ("columns", "encoding", "quoted", "delimiter")
"""Of the group `data`: how its files are read."""


def reading_tag(data: Mapping[str, Any]) -> dict[str, str]:
    """The tag for a version that was trained with these settings of the group `data`, as JSON.

    Empty where there are no settings, or the tag would be longer than MLflow takes.
    """
    if not data:
        return {}
    reading = {name: data[name] for name in SETTINGS if data.get(name) is not None}
    if "text" in data:  # sentences with tags have no columns of text
        from nightloom.settings.data import TextDataSettings

        kept = {"source": data.get("source"), "text": data.get("text")}
        known = {name: value for name, value in kept.items() if value is not None}
        reading["text"] = list(TextDataSettings.model_construct(**known).text_columns)
    value = json.dumps(reading, ensure_ascii=False)
    return {READING_TAG: value} if len(value) <= LONGEST else {}


def reading_of(tracking_uri: str, version: Version) -> dict[str, Any] | None:
    """Settings `text`, `columns`, `encoding` … that a version was trained with, lists as lists.

    None where neither a tag nor the parameters of its run tell. Raises RunError where the store
    does not answer.
    """
    tag = version.tags.get(READING_TAG)
    if tag is not None:
        return _mapping(tag)
    params = _params(tracking_uri, version)
    data = {
        name.removeprefix("data."): value_of(value)
        for name, value in params.items()
        if name.startswith("data.")
    }
    found = reading_tag(data) if data else {}
    return _mapping(found[READING_TAG]) if found else None


def _mapping(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _params(tracking_uri: str, version: Version) -> Mapping[str, str]:
    from nightloom.registry.store import open_client

    if not version.run_id:
        return {}
    from mlflow.exceptions import MlflowException

    try:
        found: Mapping[str, str] = open_client(tracking_uri).get_run(version.run_id).data.params
    except MlflowException:  # its run was deleted
        return {}
    return found


def value_of(text: str) -> Any:
    """The inverse of `entries.texts` for plain values: `None`, `True`, lists of texts."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
