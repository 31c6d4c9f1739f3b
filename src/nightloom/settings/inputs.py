"""How prediction inputs are read; like the training data unless set."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from nightloom.settings.base import Settings
from nightloom.settings.data import TextDataSettings
from nightloom.settings.data_values import Delimiter, Names, separator


class InputDataSettings(Settings):
    """How a file is read; same names and values as for training."""

    text: Names = Field(default=None, description="Column of the text, or several, joined")
    columns: Names = Field(default=None, description="Column names, if there is no header")
    encoding: str | None = Field(default=None, description="Encoding of text files")
    quoted: bool | None = Field(default=None, description="Whether quotes enclose fields")
    delimiter: Delimiter = Field(default=None, description="Separator of fields")

    @model_validator(mode="after")
    def _check_encoding(self) -> Self:
        if self.encoding is not None:
            TextDataSettings(encoding=self.encoding)
        return self

    @property
    def delimiter_character(self) -> str | None:
        """The separator character, if set."""
        return separator(self.delimiter)


class InputSettings(Settings):
    """What `nightloom predict --set` accepts."""

    listed_by: ClassVar[str] = "nightloom predict --help"

    data: InputDataSettings = InputDataSettings()
