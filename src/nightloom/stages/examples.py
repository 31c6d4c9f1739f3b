"""The file of `register.examples`: read before anything is built, and again where it is used."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.data.inputs.examples import (
    ENTITIES,
    LABEL,
    SETTING,
    Example,
    check_names,
    identity,
    parse_examples,
    read_bytes,
)
from nightloom.errors import RunError
from nightloom.facts import DataFacts
from nightloom.records import TEXT

if TYPE_CHECKING:
    from nightloom.settings.flows import FlowSettings


def check_examples(settings: "FlowSettings", data: DataFacts | None = None) -> None:
    """Raise InputError for a file that cannot be used; data: what is known of tonight's data."""
    if settings.registry.examples is None:
        return
    path = Path(settings.registry.examples)
    is_text = settings.task is TEXT
    found = parse_examples(read_bytes(path), path, answer=LABEL if is_text else ENTITIES)
    if data is not None:
        names = list(data.label_names)
        if not is_text:
            names = sorted({name[2:] for name in names if name != "O"})
        check_names(found, path, names)


def examples_identity(settings: "FlowSettings") -> dict[str, Any]:
    """The content of the file, for the key of the stage that uses it."""
    if settings.registry.examples is None:
        return {}
    return {SETTING: identity(read_bytes(Path(settings.registry.examples)))}


def read_examples(file: str, expected: Any, *, answer: str) -> list[Example]:
    """The examples; raises RunError where they are no longer those of the key."""
    path = Path(file)
    content = read_bytes(path)
    if expected is not None and identity(content) != expected:
        raise RunError(f"{path} changed during the run; run again")
    return parse_examples(content, path, answer=answer)
