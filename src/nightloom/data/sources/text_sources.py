"""Labelled texts of any source: each split as batches of rows, with what is known of the source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightloom.data.formats.delimited import Tally, missing_column
from nightloom.data.formats.files import TABLE_FORMATS, SourceFile, Unchanged, files_facts
from nightloom.data.formats.tables import (
    Rows,
    TableColumns,
    parquet_class_names,
    read_table,
    rows_of_batch,
)
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.hub_dataset import split_names
from nightloom.data.sources.roles import left_out_warnings
from nightloom.data.sources.sample_rows import TEXT_ROWS, sample_texts
from nightloom.data.sources.unused import refuse_unused
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import HF, SAMPLE, TFDS, TextDataSettings, is_local
from nightloom.settings.spelling import listed


@dataclass(frozen=True, slots=True)
class TextSource:
    """The splits that a source has, as iterators to be run once in the order given.

    `places` says where each split is in errors (path of the first file, or source and split);
    `label_names` are the source's own class names, whose labels are then integers from 0;
    `warnings` are lines for a person, as are `notes`, which grow while the splits are read.
    """

    splits: Mapping[str, Iterator[Rows]]
    places: Mapping[str, str]
    facts: Mapping[str, Any]
    label_names: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    watch: Unchanged = field(default_factory=lambda: Unchanged({}))


def open_texts(settings: TextDataSettings, report: Report = SILENT) -> TextSource:
    """Open the source that the settings name; hubs download here, files are read later.

    Raises InputError and RunError as the source's reader does.
    """
    source = settings.source
    if not is_local(source):
        refuse_unused(settings)
    if source == SAMPLE:
        return open_sample(settings)
    columns = table_columns(settings)
    if source.startswith((TFDS, HF)):
        return _open_hub(source, columns, settings.chosen_splits, report)
    found = look_into(source, TABLE_FORMATS, settings.chosen_splits)
    files = found.files
    refuse_unused(settings, {file.format for file in files.values()})
    watch = Unchanged(files)
    facts = files_facts(files)
    notes: list[str] = []
    return TextSource(
        splits={split: _read(file, columns, notes) for split, file in files.items()},
        places={split: str(file.path) for split, file in files.items()},
        facts=facts,
        label_names=_class_names(files, columns),
        warnings=tuple(left_out_warnings(found.left_out, "file")),
        notes=notes,
        watch=watch,
    )


def table_columns(settings: TextDataSettings) -> TableColumns:
    """What the settings say of the columns of a table, and of how it is written."""
    return TableColumns(
        text=settings.text_columns,
        label=settings.label_column,
        names=settings.columns,
        encoding=settings.encoding,
        quoted=settings.quoted,
        delimiter=settings.delimiter_character,
    )


def _read(file: SourceFile, columns: TableColumns, notes: list[str]) -> Iterator[Rows]:
    """The rows of all files of a split; what is worth a line goes to `notes`."""
    if file.more:
        names = [part.name for part in file.parts]
        notes.append(f"{file.split} is read from {len(names)} files: {listed(names)}")
    for part in file.parts:
        tally = Tally()
        yield from read_table(part, columns, tally=tally)
        notes += tally.notes(part.name)


def _class_names(files: Mapping[str, SourceFile], columns: TableColumns) -> tuple[str, ...] | None:
    if any(file.format != "parquet" for file in files.values()):
        return None
    return parquet_class_names(files["train"], columns.label)


def _open_hub(
    source: str, columns: TableColumns, chosen: Mapping[str, str], report: Report
) -> TextSource:
    if source.startswith(TFDS):
        from nightloom.data.sources.tensorflow_datasets import open_tfds

        hub = open_tfds(source, chosen, report)
    else:
        from nightloom.data.sources.hugging_face import open_hf

        hub = open_hf(source, chosen, report)
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
        facts=hub.facts,
        label_names=hub.class_names.get(columns.label),
        warnings=tuple(left_out_warnings(hub.left_out, "split")),
    )


def _check_sample(settings: TextDataSettings) -> None:
    """Refuse what a made-up source has none of."""
    if settings.text_columns != ("text",) or settings.label_column != "label":
        given = "data.label" if settings.text_columns == ("text",) else "data.text"
        raise InputError(
            f"data.source=sample has the columns text and label; leave out {given}, or name a file"
        )


def open_sample(settings: TextDataSettings) -> TextSource:
    """Open the sample; raises InputError for settings that ask for what it does not have."""
    _check_sample(settings)

    def rows(split: str, place: str) -> Iterator[Rows]:
        batch = Rows(place=place)
        for number, (text, label) in enumerate(sample_texts(split), start=1):
            batch.add(text, label, number)
        yield batch

    found = split_names(list(TEXT_ROWS), SAMPLE, settings.chosen_splits)
    places = {split: f"{SAMPLE} ({name})" for split, name in found.parts.items()}
    return TextSource(
        splits={split: rows(name, places[split]) for split, name in found.parts.items()},
        places=places,
        facts={"kind": "sample"},
        warnings=tuple(left_out_warnings(found.left_out, "split")),
    )
