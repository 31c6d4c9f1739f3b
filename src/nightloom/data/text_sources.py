"""Labelled texts of any source: each split as batches of rows, with what is known of the source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightloom.data.delimited import Tally, missing_column
from nightloom.data.files import TABLE_FORMATS, SourceFile, Unchanged, files_identity, find_files
from nightloom.data.sample import sample_texts
from nightloom.data.tables import (
    Rows,
    TableColumns,
    parquet_class_names,
    read_table,
    rows_of_batch,
)
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import HF, SAMPLE, TFDS, TextDataSettings


@dataclass(frozen=True, slots=True)
class TextSource:
    """The splits that a source has, as iterators to be run once in the order given.

    `places` says where each split is in errors (path of the file, or source and split), `names`
    without a folder, in what is written;
    `label_names` are the source's own class names, whose labels are then integers from 0.
    """

    splits: Mapping[str, Iterator[Rows]]
    places: Mapping[str, str]
    names: Mapping[str, str]
    facts: Mapping[str, Any]
    label_names: tuple[str, ...] | None = None
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    """What became of the lines of each split's file, once it is read; empty but for CSV and TSV."""
    watch: Unchanged = field(default_factory=lambda: Unchanged({}))


def open_texts(settings: TextDataSettings, report: Report = SILENT) -> TextSource:
    """Open the source that the settings name; hubs download here, files are read later.

    Raises InputError and RunError as the source's reader does.
    """
    source = settings.source
    if source == SAMPLE:
        _check_sample(settings)
        return _open_sample()
    columns = TableColumns(
        text=settings.text_columns,
        label=settings.label_column,
        names=settings.columns,
        encoding=settings.encoding,
        quoted=settings.quoted,
        delimiter=settings.delimiter_character,
    )
    if source.startswith((TFDS, HF)):
        return _open_hub(source, columns, report)
    files = find_files(source, TABLE_FORMATS)
    watch = Unchanged(files)
    facts = files_identity(files)
    tallies = {split: Tally() for split in files}
    return TextSource(
        splits={
            split: read_table(file, columns, tally=tallies[split]) for split, file in files.items()
        },
        tallies=tallies,
        places={split: str(file.path) for split, file in files.items()},
        names={split: file.name for split, file in files.items()},
        facts=facts,
        label_names=_class_names(files, columns),
        watch=watch,
    )


def _class_names(files: Mapping[str, SourceFile], columns: TableColumns) -> tuple[str, ...] | None:
    if any(file.format != "parquet" for file in files.values()):
        return None
    return parquet_class_names(files["train"], columns.label)


def _open_hub(source: str, columns: TableColumns, report: Report) -> TextSource:
    if source.startswith(TFDS):
        from nightloom.data.tfds_source import open_tfds

        hub = open_tfds(source, report)
    else:
        from nightloom.data.hf_source import open_hf

        hub = open_hf(source, report)
    for name in (*columns.text, columns.label):
        if name not in hub.columns:
            raise missing_column(source, name, hub.columns)

    def rows(split: str, place: str) -> Iterator[Rows]:
        start = 0
        for batch in hub.splits[split]():
            yield rows_of_batch(batch, columns, place=place, start=start)
            start += batch.num_rows

    places = {split: f"{source} ({split})" for split in hub.splits}
    return TextSource(
        splits={split: rows(split, place) for split, place in places.items()},
        places=places,
        names=places,
        facts=hub.facts,
        label_names=hub.class_names.get(columns.label),
    )


def _check_sample(settings: TextDataSettings) -> None:
    """Refuse what a made-up source has none of."""
    if settings.text_columns != ("text",) or settings.label_column != "label":
        given = "data.label" if settings.text_columns == ("text",) else "data.text"
        raise InputError(
            f"data.source=sample has the columns text and label; leave out {given}, or name a file"
        )


def _open_sample() -> TextSource:
    def rows(split: str) -> Iterator[Rows]:
        batch = Rows()
        for number, (text, label) in enumerate(sample_texts(split), start=1):
            batch.add(text, label, number)
        yield batch

    places = {split: f"{SAMPLE} ({split})" for split in ("train", "test")}
    return TextSource(
        splits={split: rows(split) for split in places},
        places=places,
        names=places,
        facts={"kind": "sample"},
    )
