"""Settings of how files to be predicted on are read; those of the training data where not given."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from nightloom.settings.base import Settings
from nightloom.settings.data import TextDataSettings
from nightloom.settings.data_values import Delimiter, Names


class InputDataSettings(Settings):
    """How a file is read; named and spelled as for training."""

    text: Names = Field(default=None, description="Column of the text, or several, joined")
    columns: Names = Field(default=None, description="Names of the columns, where no header is")
    encoding: str | None = Field(default=None, description="Encoding of text files")
    quoted: bool | None = Field(default=None, description="Whether quotes enclose fields")
    delimiter: Delimiter = Field(default=None, description="What separates fields")

    @model_validator(mode="after")
    def _check_encoding(self) -> Self:
        if self.encoding is not None:
            TextDataSettings(encoding=self.encoding)
        return self

    @property
    def delimiter_character(self) -> str | None:
        """The character that separates fields, where one is given."""
        return TextDataSettings(delimiter=self.delimiter).delimiter_character


class InputSettings(Settings):
    """What `nightloom predict --set` takes."""

    listed_by: ClassVar[str] = "nightloom predict --help"

    data: InputDataSettings = InputDataSettings()
