"""Tagged sentences of any source: each split as batches, with what is known of the source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightloom.data.formats.conll import ConllReader, read_sentences
from nightloom.data.formats.files import TOKEN_FORMATS, SourceFile, Unchanged, files_facts
from nightloom.data.formats.sentences import Notes, Sentences
from nightloom.data.formats.tagged_rows import TaggedRowReader
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.hub_dataset import split_names
from nightloom.data.sources.roles import left_out_warnings
from nightloom.data.sources.sample_rows import ENTITY_ROWS, sample_sentences
from nightloom.data.sources.unused import refuse_unused
from nightloom.progress import SILENT, Report
from nightloom.settings.data import HF, SAMPLE, EntityDataSettings, is_local


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The splits that a source has, as iterators to be run once in the order given.

    `places` says where each split is in errors (path of the first file, or source and split);
    `warnings` are lines for a person; `notes` are filled while the splits are read.
    """

    splits: Mapping[str, Iterator[Sentences]]
    places: Mapping[str, str]
    facts: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    notes: Notes = field(default_factory=Notes)
    watch: Unchanged = field(default_factory=lambda: Unchanged({}))


def open_sentences(settings: EntityDataSettings, report: Report = SILENT) -> TokenSource:
    """Open the source that the settings name; hubs download here, files are read later.

    Raises InputError and RunError as the source's reader does.
    """
    source = settings.source
    if not is_local(source):
        refuse_unused(settings)
    if source == SAMPLE:
        return open_sample(settings.chosen_splits)
    lines, rows = readers(settings)
    if source.startswith(HF):
        return _open_hub(source, rows, settings.chosen_splits, report)
    found = look_into(source, TOKEN_FORMATS, settings.chosen_splits)
    files = found.files
    refuse_unused(settings, {file.format for file in files.values()})
    watch = Unchanged(files)
    facts = files_facts(files)
    return TokenSource(
        splits={split: _read(file, lines, rows) for split, file in files.items()},
        places={split: str(file.path) for split, file in files.items()},
        facts=facts,
        warnings=tuple(left_out_warnings(found.left_out, "file")),
        notes=rows.notes,
        watch=watch,
    )


def readers(settings: EntityDataSettings) -> tuple[ConllReader, TaggedRowReader]:
    """The readers of the lines and of the rows of one source; they share their notes."""
    notes, bare = Notes(), settings.scheme == "io"
    lines = ConllReader(settings.columns, settings.encoding, settings.tag_names, bare, notes)
    rows = TaggedRowReader(settings.columns, settings.encoding, settings.tag_names, bare, notes)
    return lines, rows


def _read(file: SourceFile, lines: ConllReader, rows: TaggedRowReader) -> Iterator[Sentences]:
    """The sentences of all files of a split, each batch with the path of its file."""
    for part in file.parts:
        for batch in read_sentences(part, lines=lines, rows=rows):
            batch.place = str(part.path)
            yield batch


def _open_hub(
    source: str, rows: TaggedRowReader, chosen: Mapping[str, str], report: Report
) -> TokenSource:
    from nightloom.data.sources.hugging_face import open_hf

    hub = open_hf(source, chosen, report)
    places = {split: f"{source} ({split})" for split in hub.splits}
    return TokenSource(
        splits={
            split: rows.read_batches(
                hub.splits[split](),
                hub.columns,
                place=place,
                split=split,
                class_names=hub.class_names,
            )
            for split, place in places.items()
        },
        places=places,
        facts=hub.facts,
        warnings=tuple(left_out_warnings(hub.left_out, "split")),
        notes=rows.notes,
    )


def open_sample(chosen: Mapping[str, str]) -> TokenSource:
    """Open the sample; raises InputError for a split that it does not have."""

    def sentences(split: str) -> Iterator[Sentences]:
        batch = Sentences(line_a_word=False)
        for number, (tokens, tags) in enumerate(sample_sentences(split), start=1):
            batch.add(tokens, tags, number)
        yield batch

    found = split_names(list(ENTITY_ROWS), SAMPLE, chosen)
    return TokenSource(
        splits={split: sentences(name) for split, name in found.parts.items()},
        places={split: f"{SAMPLE} ({name})" for split, name in found.parts.items()},
        facts={"kind": "sample"},
        warnings=tuple(left_out_warnings(found.left_out, "split")),
    )
