"""How rows to be answered are read: as asked for, else as the version's training rows were."""

from collections.abc import Mapping
from typing import Any

from nightloom.data.formats.dialect import TableOptions
from nightloom.data.inputs.columns import TEXT, Reading
from nightloom.errors import InputError
from nightloom.registry.reading import READING_TAG
from nightloom.settings.inputs import InputDataSettings
from nightloom.settings.parse import validate


def lines_reading(data: InputDataSettings) -> Reading:
    """How files of one text a line are read."""
    return Reading(options=TableOptions(encoding=data.encoding or "utf-8"))


def table_reading(
    data: InputDataSettings, known: Mapping[str, Any] | None, ids: tuple[str, ...] = ()
) -> Reading:
    """How tables and tagged sentences are read.

    known: how the version's training rows were read (`registry.reading`); None if nobody knows.
    ids: columns to carry through.

    Raises InputError if `known` is invalid.
    """
    fields = InputDataSettings.model_fields
    told = {name: value for name, value in (known or {}).items() if name in fields}
    try:
        trained = validate(InputDataSettings, told)
    except InputError as error:
        raise InputError(
            f"the version's tag {READING_TAG} (how to read its training files) is invalid: "
            f"{error}; fix the tag in MLflow, or remove it"
        ) from error

    def either(name: str) -> Any:
        value = getattr(data, name)
        return getattr(trained, name) if value is None else value

    return Reading(
        text=either("text") or (TEXT,),
        chosen=data.text is not None,
        options=TableOptions(
            names=either("columns"),
            encoding=either("encoding") or "utf-8",
            quoted=either("quoted"),
            delimiter=(data if data.delimiter else trained).delimiter_character,
        ),
        ids=ids,
        words=known is None or "text" not in known,
        known=known is not None,
        headless=data.columns is not None,
        delimited=data.delimiter is not None,
    )
