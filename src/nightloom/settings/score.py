"""Settings of `score`: a registered model, the rows that it answers, and where the answers go."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from nightloom.settings.base import Settings
from nightloom.settings.data_source import is_local
from nightloom.settings.data_values import Names, SplitName
from nightloom.settings.inputs import InputDataSettings
from nightloom.settings.limits import ScoreRun, StagesSettings
from nightloom.settings.names import NAME
from nightloom.settings.pipeline import PipelineSettings
from nightloom.settings.report import ReportSettings, Texts
from nightloom.settings.spelling import listed
from nightloom.sources import forms, source_named

PRECISIONS = (0.95, 0.98, 0.99)
"""Those that versions have thresholds for (`evaluation.abstention`)."""
TAKEN = (
    "text", "label", "probability", "probabilities", "answered", "entities", "left_out",
)  # fmt: skip
"""Column names that answers use."""


@dataclass(frozen=True, kw_only=True)
class RowsAt:
    """What a kind of source reads of settings (`nightloom.sources.Source`)."""

    source: str
    query: str | None
    version_query: str | None
    offline: str
    encoding: str
    columns: tuple[str, ...] | None
    quoted: bool | None
    delimiter: str | None
    text_columns: tuple[str, ...]
    chosen_splits: Mapping[str, str]
    task: str = "rows"
    label_column: str = "label"
    group: None = None
    time: None = None
    keep: None = None


class RowsSettings(InputDataSettings):
    """Rows to be answered: where they come from and how they are read; they need no labels."""

    source: str | None = Field(
        default=None,
        description="Where the rows come from, as data.source in training: a file, folder or "
        "pattern, https://…, s3://…, gs://…, az://…, sql:NAME, hf:NAME, tfds:NAME, sample. "
        "All files of a folder are read, in the order of their names",
        examples=["tickets.csv"],
    )
    id: Names = Field(
        default=None,
        description="Columns carried through to the answers; by default id, if there is one",
    )
    split: SplitName = Field(
        default=None, description="The only split of a hub's data set that is read; by default all"
    )
    query: str | None = Field(default=None, description="What is read of an sql: source")
    version_query: str | None = Field(
        default=None,
        description="A short query of an sql: source whose answer changes when its rows do",
    )
    offline: Literal["use", "fail"] = Field(
        default="use",
        description="If a remote source cannot be reached: use the last known rows, with a "
        "warning, or fail",
    )

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if self.source is None:
            return self
        if not self.source.strip():
            raise ValueError(f"data.source is empty; expected {forms()}")
        kind = source_named(self.source)
        if self.source == kind.prefix and self.source.endswith(":"):
            raise ValueError(f"data.source={self.source} lacks a name; expected {kind.form}")
        for name in ("query", "version_query"):
            if getattr(self, name) is not None and not kind.takes_query:
                raise ValueError(
                    f"data.{name} is for sql: sources; {self.source} has no use for it: leave it "
                    "out"
                )
        if self.split is not None and (is_local(self.source) or kind.has_files or kind.takes_query):
            raise ValueError(
                f"data.split={self.split} is for hubs' data sets; of {self.source} all rows are "
                "read: leave it out, or name the file in data.source"
            )
        kind.accepts(self.at())
        for name in self.id or ():
            if name in TAKEN:
                raise ValueError(
                    f"data.id={name}: the answers already have a column '{name}'; give the column "
                    "another name in the source"
                )
        return self

    def at(self) -> RowsAt:
        """What the kind of the source reads."""
        source = self.source or ""
        only = {} if self.split is None else {"train": self.split, "valid": "train"}
        return RowsAt(
            source=source,
            query=self.query,
            version_query=self.version_query,
            offline=self.offline,
            encoding=self.encoding or "utf-8",
            columns=self.columns,
            quoted=self.quoted,
            delimiter=self.delimiter,
            text_columns=self.text or source_named(source).text_columns.get(source, ("text",)),
            chosen_splits=only | ({"test": "train"} if only else {}),
        )


class AnswerSettings(Settings):
    """How rows are answered, and where the answers go."""

    precision: float | None = Field(default=None, examples=[0.98])
    """Answer only where the version is right that often: 0.95, 0.98 or 0.99; none: always."""
    output: str | None = Field(default=None, examples=["answers.parquet"])
    """Parquet file that gets the answers; none: they stay in the home."""
    batch_size: int = Field(default=256, ge=1, le=1_000_000)
    """Texts per forward pass."""

    @field_validator("precision")
    @classmethod
    def _has_threshold(cls, value: float | None) -> float | None:
        if value is not None and value not in PRECISIONS:
            raise ValueError(f"expected one of {listed(list(map(str, PRECISIONS)))}")
        return value

    @field_validator("output")
    @classmethod
    def _is_parquet(cls, value: str | None) -> str | None:
        if value is not None and not value.lower().endswith(".parquet"):
            raise ValueError(f"expected a file name that ends in .parquet, got {value}")
        return value


class ScoreSettings(PipelineSettings):
    """A model, and the rows that it answers."""

    listed_by: ClassVar[str] = "nightloom flows score"

    model: str = Field(
        pattern=r"^[^@/\s]+(@[^@/\s]+|/v?\d+)?$", examples=["news@champion", "news/3"]
    )
    """The registered model: a name (its champion), name@alias or name/version."""
    name: str | None = Field(default=None, pattern=NAME, examples=["news-answers"])
    """Its name in a night's report; none: the model's."""
    data: RowsSettings = RowsSettings()
    score: AnswerSettings = AnswerSettings()
    report: ReportSettings = ReportSettings()
    run: ScoreRun = ScoreRun()

    @model_validator(mode="before")
    @classmethod
    def _names_a_model(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("model"):
            raise ValueError(
                "model: expected a registered model, as in model=news@champion, got none"
            )
        return values

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.data.source is None:
            raise ValueError(
                "data.source: expected where the rows come from, as in data.source=tickets.csv, "
                "got none"
            )
        return self

    @property
    def stages_run(self) -> StagesSettings:
        """See PipelineSettings."""
        return self.run

    @property
    def texts_shown(self) -> Texts:
        """See PipelineSettings."""
        return self.report.texts

    @property
    def title(self) -> str:
        """Its name in reports."""
        return self.name or f"score {self.model}"

    @property
    def registered(self) -> str:
        """The name of the registered model."""
        return self.model.partition("@")[0].partition("/")[0]
