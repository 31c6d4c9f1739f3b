"""Tagged sentences of any source: each split as batches, with what is known of the source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightloom.data.conll import (
    TAG_COLUMNS,
    WORD_COLUMNS,
    Sentences,
    check_sentence,
    read_sentences,
)
from nightloom.data.files import TOKEN_FORMATS, Unchanged, files_identity, find_files
from nightloom.data.sample import sample_sentences
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import HF, SAMPLE, EntityDataSettings


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The splits that a source has, as iterators to be run once in the order given.

    `places` says where each split is in errors (path of the file, or source and split), `names`
    without a folder, in what is written.
    """

    splits: Mapping[str, Iterator[Sentences]]
    places: Mapping[str, str]
    names: Mapping[str, str]
    facts: Mapping[str, Any]
    watch: Unchanged = field(default_factory=lambda: Unchanged({}))


def open_sentences(settings: EntityDataSettings, report: Report = SILENT) -> TokenSource:
    """Open the source that the settings name; hubs download here, files are read later.

    Raises InputError and RunError as the source's reader does.
    """
    source = settings.source
    if source == SAMPLE:
        return _open_sample()
    if source.startswith(HF):
        return _open_hub(source, report)
    files = find_files(source, TOKEN_FORMATS)
    watch = Unchanged(files)
    facts = files_identity(files)
    return TokenSource(
        splits={
            split: read_sentences(file, columns=settings.columns, encoding=settings.encoding)
            for split, file in files.items()
        },
        places={split: str(file.path) for split, file in files.items()},
        names={split: file.name for split, file in files.items()},
        facts=facts,
        watch=watch,
    )


def _open_hub(source: str, report: Report) -> TokenSource:
    from nightloom.data.hf_source import open_hf

    hub = open_hf(source, report)
    tokens = next((name for name in ("tokens", *WORD_COLUMNS) if name in hub.columns), None)
    tags = next((name for name in ("ner_tags", *TAG_COLUMNS) if name in hub.columns), None)
    if tokens is None or tags is None:
        raise InputError(
            f"data.source={source}: expected columns tokens and ner_tags (or tags); "
            f"its columns are: {', '.join(hub.columns)}"
        )
    names = hub.class_names.get(tags)

    def sentences(split: str, place: str) -> Iterator[Sentences]:
        row = 0
        for batch in hub.splits[split]():
            found = Sentences(line_a_word=False)
            for words, marks in zip(
                batch.column(tokens).to_pylist(), batch.column(tags).to_pylist(), strict=True
            ):
                row += 1
                here = [_tag(mark, names, f"{place}: row {row}") for mark in marks]
                check_sentence(words, here, f"{place}: row {row}")
                found.add(words, here, row)
            yield found

    places = {split: f"{source} ({split})" for split in hub.splits}
    return TokenSource(
        splits={split: sentences(split, place) for split, place in places.items()},
        places=places,
        names=places,
        facts=hub.facts,
    )


def _tag(mark: Any, names: tuple[str, ...] | None, place: str) -> str:
    if isinstance(mark, str):
        return mark
    if names is None or not isinstance(mark, int) or not 0 <= mark < len(names):
        raise InputError(f"{place}: tag {mark} has no name; expected tags with class names")
    return names[mark]


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
