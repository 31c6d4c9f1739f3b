"""Reading labelled texts once, checked, into a staging file beside the splits to be written."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloom.data.arrow import StreamWriter, open_split
from nightloom.data.labels import LabelVocabulary
from nightloom.data.tables import Rows
from nightloom.data.text_sources import TextSource
from nightloom.errors import InputError
from nightloom.progress import Report

_SCHEMA = pa.schema([("text", pa.string()), ("code", pa.int32()), ("hash", pa.int64())])


@dataclass(frozen=True, slots=True)
class StagedTexts:
    """One split of the source, read: its rows on disk, and what is known of them."""

    place: str
    path: Path
    rows: int
    rows_of_code: np.ndarray
    """Rows with each label of the vocabulary, int64; labels seen in later splits are missing."""
    empty: int
    first_empty: str

    def batches(self) -> Iterator[tuple[pa.Array, np.ndarray, np.ndarray]]:
        """Yield texts, codes of their labels and hashes of the texts, in the source's order."""
        for batch in open_split(self.path):
            yield batch.column(0), batch.column(1).to_numpy(), batch.column(2).to_numpy()

    def codes(self) -> Iterator[np.ndarray]:
        """Yield the codes of the rows' labels alone, int32, in the source's order."""
        for batch in open_split(self.path, ["code"]):
            yield batch.column(0).to_numpy()


def stage_texts(
    split: str, source: TextSource, path: Path, vocabulary: LabelVocabulary, report: Report
) -> StagedTexts:
    """Read one split of the source into the Arrow stream `path`; new labels go to `vocabulary`.

    Raises InputError for what is wrong with a row, and where there is none.
    """
    place = source.places[split]
    rows_of_code = np.zeros(0, dtype=np.int64)
    empty, first_empty = 0, ""
    with StreamWriter(path, _SCHEMA) as writer:
        for batch in source.splits[split]:
            codes = vocabulary.encode(batch.labels, batch.numbers, batch.place)
            # str hashes differ between processes, which of them are equal does not.
            hashes = np.array([hash(text) for text in batch.texts], dtype=np.int64)
            arrays = [_checked(batch), pa.array(codes), pa.array(hashes)]
            writer.write(pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA))
            found = np.bincount(codes, minlength=len(vocabulary.values)).astype(np.int64)
            found[: len(rows_of_code)] += rows_of_code
            rows_of_code = found
            blank = [
                n
                for text, n in zip(batch.texts, batch.numbers, strict=True)
                if not text or text.isspace()
            ]
            if blank and not empty:
                of_file = source.facts["kind"] == "files"
                name = Path(batch.place).name if of_file else batch.place
                first_empty = f"{name}:{blank[0]}"
            empty += len(blank)
            report.progress(what=f"read {split}", done=writer.rows, total=None, unit="rows")
    if writer.rows == 0:
        raise InputError(f"{place}: no rows; expected rows for the {split} split")
    if split == "train" and empty == writer.rows:
        raise InputError(
            f"{place}: all {empty} training texts are empty; expected texts to learn from "
            "(is data.text the right column?)"
        )
    return StagedTexts(place, path, writer.rows, rows_of_code, empty, first_empty)


def _checked(batch: Rows) -> pa.Array:
    try:
        texts = pa.array(batch.texts, type=pa.string())
    except UnicodeEncodeError:
        for text, number in zip(batch.texts, batch.numbers, strict=True):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InputError(
                    f"{batch.place}:{number}: the text holds half of a surrogate pair "
                    f"({text[error.start]!a}), which is no character; mend or remove it"
                ) from error
        raise
    with_nul = pc.match_substring(texts, "\0")
    if pc.any(with_nul).as_py():
        at = pc.index(with_nul, True).as_py()
        raise InputError(
            f"{batch.place}:{batch.numbers[at]}: the text holds a NUL character; remove it"
        )
    return texts
