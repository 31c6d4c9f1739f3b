"""Tagged sentences of any source: each split as batches, with what is known of the source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightloom.data.conll import ConllReader, read_sentences
from nightloom.data.files import TOKEN_FORMATS, Unchanged, files_identity, find_files
from nightloom.data.sample import sample_sentences
from nightloom.data.sentences import Notes, Sentences
from nightloom.data.tagged_rows import TaggedRowReader
from nightloom.progress import SILENT, Report
from nightloom.settings.data import HF, SAMPLE, EntityDataSettings


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The splits that a source has, as iterators to be run once in the order given.

    `places` says where each split is in errors (path of the file, or source and split), `names`
    without a folder, in what is written; `notes` are filled while the splits are read.
    """

    splits: Mapping[str, Iterator[Sentences]]
    places: Mapping[str, str]
    names: Mapping[str, str]
    facts: Mapping[str, Any]
    notes: Notes = field(default_factory=Notes)
    watch: Unchanged = field(default_factory=lambda: Unchanged({}))


def open_sentences(settings: EntityDataSettings, report: Report = SILENT) -> TokenSource:
    """Open the source that the settings name; hubs download here, files are read later.

    Raises InputError and RunError as the source's reader does.
    """
    source = settings.source
    if source == SAMPLE:
        return _open_sample()
    notes = Notes()
    bare = settings.scheme == "io"
    rows = TaggedRowReader(settings.columns, settings.encoding, settings.tag_names, bare, notes)
    if source.startswith(HF):
        return _open_hub(source, rows, report)
    files = find_files(source, TOKEN_FORMATS)
    watch = Unchanged(files)
    facts = files_identity(files)
    lines = ConllReader(settings.columns, settings.encoding, settings.tag_names, bare, notes)
    return TokenSource(
        splits={
            split: read_sentences(file, lines=lines, rows=rows) for split, file in files.items()
        },
        places={split: str(file.path) for split, file in files.items()},
        names={split: file.name for split, file in files.items()},
        facts=facts,
        notes=notes,
        watch=watch,
    )


def _open_hub(source: str, rows: TaggedRowReader, report: Report) -> TokenSource:
    from nightloom.data.hf_source import open_hf

    hub = open_hf(source, report)
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
        names=places,
        facts=hub.facts,
        notes=rows.notes,
    )


def _open_sample() -> TokenSource:
    def sentences(split: str) -> Iterator[Sentences]:
        batch = Sentences(line_a_word=False)
        for number, (tokens, tags) in enumerate(sample_sentences(split), start=1):
            batch.add(tokens, tags, number)
        yield batch

    places = {split: f"{SAMPLE} ({split})" for split in ("train", "test")}
    return TokenSource(
        splits={split: sentences(split) for split in places},
        places=places,
        names=places,
        facts={"kind": "sample"},
    )
