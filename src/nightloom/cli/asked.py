"""How prediction inputs are read: by `--set` and `--id`, else as in training."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from nightloom.data.formats.known import DELIMITED
from nightloom.data.inputs.columns import PARQUET, Reading
from nightloom.data.inputs.texts import CONLL, LINES
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.registry.as_trained import lines_reading, table_reading
from nightloom.registry.reading import reading_of
from nightloom.registry.versions import Version
from nightloom.settings.inputs import InputDataSettings, InputSettings
from nightloom.settings.parse import parse_settings
from nightloom.settings.score import TAKEN
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
    ids: tuple[str, ...]

    @classmethod
    def of(cls, settings: Iterable[str], ids: Sequence[str]) -> "Asked":
        """From `--set` and `--id`. Raises InputError for unknown or impossible ones."""
        for name in ids:
            if name in TAKEN:
                raise InputError(
                    f"--id {name}: the answers already have a column {quoted(name)}; give the "
                    "column another name in the file"
                )
            if name == "":
                raise InputError(
                    "expected the name of a column after --id, got none; leave --id out"
                )
        return cls(parse_settings(InputSettings, settings).data, tuple(dict.fromkeys(ids)))

    def check(self, formats: Sequence[str]) -> None:
        """Raise InputError for options that do not apply to these formats."""
        given = {f"--set data.{name}": FORMATS[name] for name in self.data.model_fields_set}
        if self.ids:
            given["--id"] = TABLES
        for option, of in given.items():
            if not set(of) & set(formats):
                came = ", ".join(dict.fromkeys(formats))
                value = f" {shown(','.join(self.ids), 40)}" if option == "--id" else ""
                raise InputError(
                    f"{option}{value} says how {', '.join(of)} is read; the input is {came}; leave "
                    "it out, or name the input's format in --format"
                )

    def reading(self, home: Home, version: Version) -> Callable[[str], Reading]:
        """How a file of a format is read; the registry is asked only for tables."""

        @cache
        def trained() -> Reading:
            return table_reading(self.data, reading_of(home.tracking_uri, version), self.ids)

        lines = lines_reading(self.data)
        return lambda form: lines if form == LINES else trained()
