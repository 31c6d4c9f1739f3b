"""How prediction inputs are read: by `--set` and `--id`, else as in training."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from nightloom.cli.answers import taken_names
from nightloom.data.formats.dialect import TableOptions
from nightloom.data.formats.known import DELIMITED
from nightloom.data.inputs.columns import PARQUET, TEXT, Reading
from nightloom.data.inputs.texts import CONLL, LINES
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.registry.reading import READING_TAG, reading_of
from nightloom.registry.versions import Version
from nightloom.settings.inputs import InputDataSettings, InputSettings
from nightloom.settings.parse import parse_settings, validate
from nightloom.settings.spelling import quoted, shown

TABLES = (*DELIMITED, "jsonl", "json", PARQUET)
FORMATS = {
    "text": TABLES,
    "columns": (*DELIMITED, CONLL),
    "encoding": (LINES, *DELIMITED, "jsonl", "json", CONLL),
    "quoted": DELIMITED,
    "delimiter": DELIMITED,
}
"""The formats to which each setting applies."""


@dataclass(frozen=True)
class Asked:
    """The command line's options for reading files."""

    data: InputDataSettings
    id: str | None

    @classmethod
    def of(cls, settings: Iterable[str], id_name: str | None) -> "Asked":
        """From `--set` and `--id`. Raises InputError for unknown or impossible ones."""
        if id_name in taken_names():
            raise InputError(
                f"--id {id_name}: the answers already have a column {quoted(id_name or '')}; give "
                "the column another name in the file"
            )
        if id_name == "":
            raise InputError("expected the name of a column after --id, got none; leave --id out")
        return cls(parse_settings(InputSettings, settings).data, id_name)

    def check(self, formats: Sequence[str]) -> None:
        """Raise InputError for options that do not apply to these formats."""
        given = {f"--set data.{name}": FORMATS[name] for name in self.data.model_fields_set}
        if self.id is not None:
            given["--id"] = TABLES
        for option, of in given.items():
            if not set(of) & set(formats):
                came = ", ".join(dict.fromkeys(formats))
                value = f" {shown(self.id or '', 40)}" if option == "--id" else ""
                raise InputError(
                    f"{option}{value} says how {', '.join(of)} is read; the input is {came}; leave "
                    "it out, or name the input's format in --format"
                )

    def reading(self, home: Home, version: Version) -> Callable[[str], Reading]:
        """How a file of a format is read; the registry is asked only for tables."""

        @cache
        def trained() -> Reading:
            return self._as_trained(reading_of(home.tracking_uri, version))

        lines = Reading(options=TableOptions(encoding=self.data.encoding or "utf-8"))
        return lambda form: lines if form == LINES else trained()

    def _as_trained(self, known: dict[str, Any] | None) -> Reading:
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
            value = getattr(self.data, name)
            return getattr(trained, name) if value is None else value

        return Reading(
            text=either("text") or (TEXT,),
            chosen=self.data.text is not None,
            options=TableOptions(
                names=either("columns"),
                encoding=either("encoding") or "utf-8",
                quoted=either("quoted"),
                delimiter=(self.data if self.data.delimiter else trained).delimiter_character,
            ),
            id=self.id,
            words=known is None or "text" not in known,
            known=known is not None,
            headless=self.data.columns is not None,
        )
