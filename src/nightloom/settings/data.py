"""Settings of the data stage: where rows come from, what is read, how they are split."""

import codecs
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from nightloom.settings.cutting import CutSettings
from nightloom.settings.data_values import (
    DELIMITERS,
    Delimiter,
    MissingLabels,
    Names,
    SplitName,
    absent,
    scheme_name,
)
from nightloom.settings.spelling import listed, meant, shown
from nightloom.sources import forms, source_named, sources

_NOT_OF_FILES = ("idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined")
"""Text encodings of Python that no text editor writes."""

_ROWS = {"text": "labelled texts", "entities": "tagged sentences"}
"""What the sources of a task hold."""


def is_local(source: str) -> bool:
    """Whether `source` is a path, rather than a hub's data set or the sample."""
    return not source_named(source).prefix


def _has_files(source: str) -> bool:
    """Whether `source` gives files, of this machine or fetched from elsewhere."""
    kind = source_named(source)
    return kind.has_files or not kind.prefix


class _DataSettings(CutSettings):
    task: ClassVar[str]
    encoding: str = Field(default="utf-8", description="Encoding of the source's text files")
    query: str | None = Field(
        default=None,
        description="What is read of an sql: source, for example SELECT text, label FROM tickets",
    )
    version_query: str | None = Field(
        default=None,
        description="A short query of an sql: source whose answer (one row) changes when its rows "
        "do, for example SELECT max(changed), count(*) FROM tickets; not given: all rows are read "
        "to see whether they changed",
    )
    offline: Literal["use", "fail"] = Field(
        default="use",
        description="If a remote source cannot be reached to check for new rows: use the last "
        "known ones, with a warning, or fail",
    )
    train_split: SplitName = Field(
        default=None,
        description="File, folder or split of the source that is train; by default detected from "
        "the names",
    )
    valid_split: SplitName = Field(
        default=None,
        description="File, folder or split of the source that is the validation split, or train "
        "to cut it from train (data.valid_fraction); by default detected from the names",
    )
    test_split: SplitName = Field(
        default=None,
        description="File, folder or split of the source that is the test split (validation, "
        "if the labels of test are secret), or train to cut it from train "
        "(data.test_fraction); by default detected from the names",
    )

    @property
    def chosen_splits(self) -> dict[str, str]:
        """The source's names for train, valid and test, if given."""
        chosen = {"train": self.train_split, "valid": self.valid_split, "test": self.test_split}
        return {split: name for split, name in chosen.items() if name is not None}

    def keeping(self, columns: Iterable[str]) -> Self:
        """With these columns kept too; raises ValueError where the source has none."""
        kept = tuple(dict.fromkeys((*(self.keep or ()), *columns)))
        if kept == (self.keep or ()):
            return self
        data = self.model_copy(update={"keep": kept})
        source_named(getattr(data, "source", "")).accepts(data)
        data._check_kept()
        return data

    def _check_kept(self) -> None:
        columns: tuple[str, ...] | None = getattr(self, "columns", None)
        if self.task != "text" or columns is None:
            return
        for name in self.keep or ():
            if name not in columns:
                raise ValueError(
                    f"data.keep={shown(name, 40)} is not in data.columns "
                    f"({listed(columns)}){meant(name, columns)}"
                )

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        source: str = getattr(self, "source", "")
        if not source.strip():
            raise ValueError(f"data.source is empty; expected {forms()}")
        kind = source_named(source)
        if source == kind.prefix and source.endswith(":"):
            raise ValueError(f"data.source={source} lacks a name; expected {kind.form}")
        prefix, colon, _ = source.partition(":")
        if colon and not kind.prefix and "/" not in prefix:
            prefixes = [one.rstrip(":") for one in sources().records if one.endswith(":")]
            if close := get_close_matches(prefix.lower(), prefixes, n=1, cutoff=0.7):
                raise ValueError(
                    f"data.source={source}: unknown prefix; did you mean '{close[0]}:'?"
                )
        if self.task not in kind.tasks:
            held = " and ".join(_ROWS.get(task, task) for task in sorted(kind.tasks))
            raise ValueError(
                f"data.source={source}: {kind.prefix} has {held} only; expected {forms(self.task)}"
            )
        for name in ("query", "version_query"):
            if getattr(self, name) is not None and not kind.takes_query:
                raise ValueError(
                    f"data.{name} is for sql: sources; {source} has no use for it: leave it out"
                )
        kind.accepts(self)
        self._check_kept()
        try:
            codec = codecs.lookup(self.encoding)
            known = codec._is_text_encoding
            known = known and codec.name not in _NOT_OF_FILES
        except (LookupError, ValueError):
            known = False
        if not known:
            raise ValueError(
                f"data.encoding={self.encoding} is not a text encoding known to Python; "
                "expected one such as utf-8, cp1252 or utf-16"
            )
        return self


class TextDataSettings(_DataSettings):
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
        return self.delimiter and DELIMITERS.get(self.delimiter, self.delimiter)

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
            if getattr(self, name) is not None and not _has_files(self.source):
                raise ValueError(
                    f"data.{name} is for CSV and TSV files; {self.source} has none: leave it out"
                )
        if self.columns is not None:
            if not _has_files(self.source):
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


class EntityDataSettings(_DataSettings):
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
