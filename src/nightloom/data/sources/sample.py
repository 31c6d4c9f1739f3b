"""The built-in sample: texts with labels, or sentences with tags; no files, no network."""

from collections.abc import Iterator
from typing import Any

from nightloom.data.sources.opened import Opened, split_names
from nightloom.data.sources.roles import left_out_warnings
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import DataSettings, EntityDataSettings
from nightloom.sources import Source

NAME = "sample"


def open_sample(settings: DataSettings, report: Report = SILENT) -> Opened[Any]:
    """Open the sample; raises InputError for settings that do not apply to it."""
    del report
    from nightloom.data.sources.sample_rows import ENTITY_ROWS, TEXT_ROWS

    entities = isinstance(settings, EntityDataSettings)
    if not isinstance(settings, EntityDataSettings) and (
        settings.text_columns != ("text",) or settings.label_column != "label"
    ):
        given = "data.label" if settings.text_columns == ("text",) else "data.text"
        raise InputError(
            f"data.source=sample has the columns text and label; leave out {given}, or name a file"
        )
    rows, read = (ENTITY_ROWS, _sentences) if entities else (TEXT_ROWS, _texts)
    found = split_names(list(rows), NAME, settings.chosen_splits)
    places = {split: f"{NAME} ({name})" for split, name in found.parts.items()}
    return Opened(
        splits={split: read(name, places[split]) for split, name in found.parts.items()},
        places=places,
        warnings=tuple(left_out_warnings(found.left_out, "split")),
    )


def _texts(split: str, place: str) -> Iterator[Any]:
    from nightloom.data.formats.tables import Rows
    from nightloom.data.sources.sample_rows import sample_texts

    batch = Rows(place=place)
    for number, (text, label) in enumerate(sample_texts(split), start=1):
        batch.add(text, label, number)
    yield batch


def _sentences(split: str, place: str) -> Iterator[Any]:
    from nightloom.data.formats.sentences import Sentences
    from nightloom.data.sources.sample_rows import sample_sentences

    batch = Sentences(line_a_word=False, place=place)
    for number, (tokens, tags) in enumerate(sample_sentences(split), start=1):
        batch.add(tokens, tags, number)
    yield batch


def check(settings: DataSettings) -> None:
    """Check that the settings apply to the sample."""
    open_sample(settings)


def accepts(settings: Any) -> None:
    """Refuse columns and names, because the sample has its own."""
    for name in ("group", "time"):
        if (column := getattr(settings, name)) is not None:
            raise ValueError(
                f"data.{name}={column}: the sample has no such column; leave it out, or name a file"
            )
    if settings.keep is not None:
        raise ValueError(
            f"data.keep={','.join(settings.keep)}: the sample has no such column; leave it out, "
            "also of register.slices, or name a file"
        )
    if isinstance(settings, EntityDataSettings):
        if settings.columns is not None:
            raise ValueError("data.columns: the sample has words and tags only; leave it out")
        if settings.tag_names is not None:
            raise ValueError("data.tag_names: the tags of the sample have names; leave it out")


RECORD = Source(prefix=NAME, open=open_sample, identity=lambda _: {}, check=check, accepts=accepts)
