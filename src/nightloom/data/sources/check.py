"""What can be seen of a source without reading it whole: the columns and the first rows."""

from collections.abc import Mapping
from itertools import islice

from nightloom.data.formats.files import TABLE_FORMATS, TOKEN_FORMATS, SourceFile
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.unused import refuse_unused
from nightloom.settings.data import SAMPLE, EntityDataSettings, TextDataSettings, is_local


def check_source(settings: TextDataSettings | EntityDataSettings) -> None:
    """Look at the first rows of each local file as they will be read; hubs are not asked.

    Raises InputError for what is found to be wrong with them, or with the settings.
    """
    if settings.source != SAMPLE and not is_local(settings.source):
        return
    if isinstance(settings, TextDataSettings):
        _check_texts(settings)
    else:
        _check_sentences(settings)


def _parts(files: Mapping[str, SourceFile]) -> list[SourceFile]:
    return [part for file in files.values() for part in file.parts]


def _check_texts(settings: TextDataSettings) -> None:
    from nightloom.data.formats.tables import read_table
    from nightloom.data.sources.text_sources import open_sample, table_columns

    if settings.source == SAMPLE:
        open_sample(settings)
        return
    files = look_into(settings.source, TABLE_FORMATS, settings.chosen_splits).files
    refuse_unused(settings, {file.format for file in files.values()})
    for file in _parts(files):
        for _ in islice(read_table(file, table_columns(settings)), 1):
            pass


def _check_sentences(settings: EntityDataSettings) -> None:
    from nightloom.data.formats.conll import read_sentences
    from nightloom.data.sources.token_sources import open_sample, readers

    if settings.source == SAMPLE:
        open_sample(settings.chosen_splits)
        return
    lines, rows = readers(settings)
    files = look_into(settings.source, TOKEN_FORMATS, settings.chosen_splits).files
    refuse_unused(settings, {file.format for file in files.values()})
    for file in _parts(files):
        for _ in islice(read_sentences(file, lines=lines, rows=rows), 1):
            pass
