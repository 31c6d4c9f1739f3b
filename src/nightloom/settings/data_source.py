"""Where rows come from: what the settings of all kinds of data have."""

import codecs
from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from nightloom.settings.cutting import CutSettings
from nightloom.settings.data_values import (
    SplitName,
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


def has_files(source: str) -> bool:
    """Whether `source` gives files, of this machine or fetched from elsewhere."""
    kind = source_named(source)
    return kind.has_files or not kind.prefix


class SourceSettings(CutSettings):
    """The source, and which of its parts are which split."""

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
