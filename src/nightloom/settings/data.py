"""Settings of the data stage: where rows come from, what is read, how they are split."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from nightloom.settings.data_source import SourceSettings, has_files
from nightloom.settings.data_values import (
    Delimiter,
    MissingLabels,
    Names,
    absent,
    scheme_name,
    separator,
)
from nightloom.settings.spelling import listed, meant, shown
from nightloom.sources import source_named


class TextDataSettings(SourceSettings):
    """Where labelled texts come from and how they become train, valid and test."""

    task: ClassVar[str] = "text"
    source: str = Field(
        default="tfds:ag_news_subset",
        description="tfds:NAME, hf:NAME[:CONFIG][@REVISION], https://HOST/FILE, s3://BUCKET/PATH, "
        "gs://…, az://…, sql:NAME, sample, or a file, directory (train.*, optional valid.*, "
        "test.*) or pattern (news/2026-*/*.csv) of CSV, TSV, JSON or Parquet",
    )
    columns: Names = Field(
        default=None, description="Column names of a CSV or TSV file without a header"
    )
    text: Names = Field(
        default=None,
        description="Column of the text, or several, joined by a space; "
        "title,description for tfds:ag_news_subset, else text",
    )
    label: str | None = Field(default=None, description="Column of the label; by default 'label'")
    label_names: Names = Field(
        default=None,
        description="Names of the classes, in order; rows then hold these names, or integers "
        "counted from 0 or 1. By default the source's own names, or the sorted values",
    )
    label_base: Annotated[Literal[0, 1] | None, BeforeValidator(absent)] = Field(
        default=None,
        description="The integer that means the first of label_names; by default detected from "
        "the rows, if they are unambiguous",
    )
    missing_labels: MissingLabels = Field(
        default=None,
        description="Labels that mean a missing one, besides the empty one; [] for no others. By "
        "default what tools write (nan, NULL, N/A, NA, None, ...), unless label_names has it",
    )
    unlabelled: Literal["leave_out", "refuse"] = Field(
        default="leave_out",
        description="What to do with rows without a label: leave them out and report how many, "
        "or stop at the first",
    )
    quoted: bool | None = Field(
        default=None,
        description="Whether double quotes enclose fields in CSV and TSV files; with false a "
        "quote is an ordinary character. By default they do, and reading stops if one would join "
        "lines that look like rows",
    )
    delimiter: Delimiter = Field(
        default=None,
        description="Separator of fields in CSV and TSV files: comma, semicolon, tab, bar, or any "
        "other character. By default detected from the header or the first rows",
    )

    @model_validator(mode="before")
    @classmethod
    def _base_from_text(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("label_base") in ("0", "1"):
            return {**values, "label_base": int(values["label_base"])}
        return values

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns of the text, with defaults filled in."""
        known = source_named(self.source).text_columns.get(self.source, ("text",))
        return known if self.text is None else self.text

    @property
    def label_column(self) -> str:
        """The column of the label, with the default filled in."""
        return self.label or "label"

    @property
    def delimiter_character(self) -> str | None:
        """The separator character, if set."""
        return separator(self.delimiter)

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        if self.label_column in self.text_columns:
            raise ValueError(
                f"data.label={self.label_column} is also in data.text; "
                "name another column in data.label or in data.text"
            )
        for name in ("group", "time"):
            if getattr(self, name) == self.label_column:
                raise ValueError(
                    f"data.{name}={self.label_column} is data.label as well; name another column"
                )
        if self.label_names is not None and len(self.label_names) < 2:
            raise ValueError(
                f"data.label_names={','.join(self.label_names)}: expected at least two classes"
            )
        if self.label_base is not None and self.label_names is None:
            raise ValueError(
                "data.label_base is the integer of the first of data.label_names: give both, or "
                "leave out data.label_base"
            )
        for name in ("quoted", "delimiter"):
            if getattr(self, name) is not None and not has_files(self.source):
                raise ValueError(
                    f"data.{name} is for CSV and TSV files; {self.source} has none: leave it out"
                )
        if self.columns is not None:
            if not has_files(self.source):
                raise ValueError(
                    f"data.columns is for files without a header; {self.source} has named "
                    "columns: leave out data.columns"
                )
            for wanted, column in [
                *(("text", name) for name in self.text_columns),
                ("label", self.label_column),
                ("group", self.group),
                ("time", self.time),
            ]:
                if column is not None and column not in self.columns:
                    hint = meant(column, self.columns)
                    raise ValueError(
                        f"data.{wanted}={shown(column, 40)} is not in data.columns "
                        f"({listed(self.columns)}){hint}"
                    )
        return self


class EntityDataSettings(SourceSettings):
    """Where sentences with entity tags come from, and how they are read."""

    task: ClassVar[str] = "entities"
    source: str = Field(
        default="hf:lhoestq/conll2003",
        description="hf:NAME[:CONFIG][@REVISION], https://HOST/FILE, s3://BUCKET/PATH, gs://…, "
        "az://…, sql:NAME, sample, or a file, directory (train.*, optional valid.*, test.*) or "
        "pattern of CoNLL columns, or of JSONL or Parquet with tokens and tags",
    )
    columns: Names = Field(
        default=None,
        description="CoNLL: names of all columns, of which 'word' or 'token' and 'ner' or 'tag' "
        "are read; JSONL, Parquet and hubs: the columns of the words and the tags "
        "(tokens,ner_tags). By default detected from the first sentences, or from the names",
    )
    tag_names: Names = Field(
        default=None,
        description="Names of the tags, in order (O,B-PER,I-PER), if the rows hold integers "
        "counted from 0; rows with names must use these",
    )
    scheme: Annotated[
        Literal["auto", "iob1", "iob2", "bilou", "ioe1", "ioe2", "io"], BeforeValidator(scheme_name)
    ] = Field(
        default="auto",
        description="How the tags mark entities; auto detects it from the training rows. bilou "
        "includes its variants BIOES, BMES and BMEWO; io takes types without a prefix, and "
        "adjacent words of one type are one entity",
    )
    invalid_tags: Literal["repair", "refuse"] = Field(
        default="repair",
        description="What to do with tag sequences that the scheme does not allow: repair them "
        "like the CoNLL scorer and warn, or stop",
    )

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        if self.columns is not None and len(self.columns) < 2:
            raise ValueError("data.columns: expected at least two, the words' and the tags'")
        if self.tag_names is not None and len(self.tag_names) < 2:
            raise ValueError("data.tag_names: expected at least two (O,B-PER)")
        return self


DataSettings = TextDataSettings | EntityDataSettings
