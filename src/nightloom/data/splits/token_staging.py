"""Reading tagged sentences once, checked, into a staging file; what scheme their tags speak for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from nightloom.data.arrow import StreamWriter, open_split
from nightloom.data.formats.sentences import Sentences
from nightloom.data.labels.tag_schemes import SchemeCount, split_tag
from nightloom.data.sources.opened import Opened
from nightloom.errors import InputError
from nightloom.progress import Report

_SCHEMA = pa.schema(
    [
        ("tokens", pa.list_(pa.string())),
        ("tags", pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        ("start", pa.int64()),
        ("hash", pa.int64()),
    ]
)


_LINES_A_FILE = 1 << 40


@dataclass(slots=True)
class StagedSentences:
    """One split of the source, read: its sentences on disk, and what is known of them."""

    place: str
    path: Path
    places: list[str] = field(default_factory=list)
    """The files of the split, in order, as far as they are read."""
    rows: int = 0
    empty: int = 0
    line_a_word: bool = False
    count: SchemeCount = field(default_factory=SchemeCount)
    types: set[str] = field(default_factory=set)
    lines: dict[int, list[int]] = field(default_factory=dict)
    """Lines of the words of sentences that have other lines in them, by the line of the first."""

    def mark(self, place: str, start: int) -> int:
        """The line `start` of a file as one number that tells the file as well."""
        if not self.places or self.places[-1] != place:
            self.places.append(place)
        return (len(self.places) - 1) * _LINES_A_FILE + start

    def line(self, mark: int) -> str:
        """The file and line that `mark` made a number of."""
        file, line = divmod(mark, _LINES_A_FILE)
        return f"{self.places[file]}:{line}"

    def batches(self) -> Iterator[tuple[pa.Array, list[list[str]], list[int], np.ndarray]]:
        """Yield words, tags, first lines and hashes of the words, in the source's order."""
        for batch in open_split(self.path):
            tags, starts = batch.column(1).to_pylist(), batch.column(2).to_pylist()
            yield batch.column(0), tags, starts, batch.column(3).to_numpy()


def stage_sentences(
    split: str, source: Opened[Sentences], path: Path, report: Report
) -> StagedSentences:
    """Read one split of the source into the Arrow stream `path`.

    Raises InputError for what is wrong with a sentence, where there is none, and where train has
    no entity.
    """
    part = StagedSentences(source.places[split], path)
    with StreamWriter(path, _SCHEMA) as writer:
        for batch in source.splits[split]:
            part.line_a_word = batch.line_a_word
            place = batch.place or part.place
            for start, lines in batch.lines.items():
                part.lines[part.mark(place, start)] = [part.mark(place, line) for line in lines]
            kept = Sentences(batch.line_a_word)
            for tokens, tags, start in zip(batch.tokens, batch.tags, batch.starts, strict=True):
                if not tokens:
                    part.empty += 1
                    continue
                part.count.add(tags)
                kept.add(tokens, tags, part.mark(place, start))
            part.types.update(
                split_tag(tag)[1] for tag in set().union(*map(set, kept.tags)) if tag != "O"
            )
            writer.write(_as_arrow(kept, part))
            part.rows += len(kept.tokens)
            report.progress(what=f"read {split}", done=part.rows, total=None, unit="sentences")
    if part.rows == 0:
        raise InputError(f"{part.place}: no sentences; expected tagged words for {split}")
    if split == "train" and not part.types:
        raise InputError(
            f"{part.place}: all words are tagged O; expected entities to learn from "
            "(data.columns says which column holds the tags)"
        )
    return part


def _as_arrow(batch: Sentences, part: StagedSentences) -> pa.RecordBatch:
    hashes = []
    for tokens, start in zip(batch.tokens, batch.starts, strict=True):
        joined = "\n".join(tokens)
        if "\0" in joined or not _encodes(joined):
            raise InputError(
                f"{part.line(start)}: a token holds a NUL or half of a surrogate pair; remove it"
            )
        # str hashes differ between processes, which of them are equal does not.
        hashes.append(hash(joined))
    arrays = [
        pa.array(batch.tokens, type=_SCHEMA.field("tokens").type),
        pa.array(batch.tags, type=_SCHEMA.field("tags").type),
        pa.array(batch.starts, type=pa.int64()),
        pa.array(hashes, type=pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def see_schemes(stated: str, staged: Mapping[str, StagedSentences]) -> dict[str, str]:
    """The scheme of each split: the one stated, else that of train, unless a split contradicts it.

    A split is read by another scheme only where it breaks train's and fully keeps to its own.
    """
    if stated != "auto":
        return dict.fromkeys(staged, stated)
    of_train = staged["train"].count.scheme
    found = {}
    for split, part in staged.items():
        own = part.count.scheme
        found[split] = (
            own if part.count.breaks(of_train) and not part.count.breaks(own) else of_train
        )
    return found
