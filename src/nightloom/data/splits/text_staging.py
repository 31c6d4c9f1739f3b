"""Reading labelled texts once, checked, into a staging file beside the splits to be written."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloom.data.arrow import StreamWriter, open_split
from nightloom.data.formats.tables import Rows
from nightloom.data.labels.vocabulary import MISSING, LabelVocabulary
from nightloom.data.sources.opened import Opened
from nightloom.errors import InputError
from nightloom.progress import Report
from nightloom.settings.spelling import quoted

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
    missing: Counter[str]
    """Rows without a label, which were left out, by what stands for it."""
    first_missing: str

    def batches(self) -> Iterator[tuple[pa.Array, np.ndarray, np.ndarray]]:
        """Yield texts, codes of their labels and hashes of the texts, in the source's order."""
        for batch in open_split(self.path):
            yield batch.column(0), batch.column(1).to_numpy(), batch.column(2).to_numpy()

    def codes(self) -> Iterator[np.ndarray]:
        """Yield the codes of the rows' labels alone, int32, in the source's order."""
        for batch in open_split(self.path, ["code"]):
            yield batch.column(0).to_numpy()


def stage_texts(
    split: str,
    source: Opened[Rows],
    path: Path,
    vocabulary: LabelVocabulary,
    report: Report,
    *,
    refuse: bool = False,
) -> StagedTexts:
    """Read one split of the source into the Arrow stream `path`; new labels go to `vocabulary`.

    Rows whose label is missing are left out and counted, or with `refuse` an error. Raises
    InputError for what is wrong with a row, and where there is none.
    """
    place = source.places[split]
    rows_of_code = np.zeros(0, dtype=np.int64)
    empty, first_empty = 0, ""
    missing: Counter[str] = Counter()
    first_missing = ""
    with StreamWriter(path, _SCHEMA) as writer:
        for batch in source.splits[split]:
            codes = vocabulary.encode(batch.labels, batch.numbers, batch.place)
            if (codes == MISSING).any():
                at = np.flatnonzero(codes == MISSING).tolist()
                first_missing = first_missing or f"{batch.place}:{batch.numbers[at[0]]}"
                if refuse:
                    raise InputError(
                        f"{first_missing}: the label is missing ({_form(batch.labels[at[0]])}); "
                        "give the row a label or remove it, or set data.unlabelled=leave_out"
                    )
                missing.update(_form(batch.labels[number]) for number in at)
                batch, codes = _labelled(batch, codes), codes[codes != MISSING]
                if not batch.texts:
                    continue
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
                first_empty = f"{_short(batch.place, source)}:{blank[0]}"
            empty += len(blank)
            report.progress(what=f"read {split}", done=writer.rows, total=None, unit="rows")
    if writer.rows == 0 and missing:
        raise InputError(without_labels(split, place, missing, source.splits))
    if writer.rows == 0:
        raise InputError(f"{place}: no rows; expected rows for the {split} split")
    if split == "train" and empty == writer.rows:
        raise InputError(
            f"{place}: all {empty} training texts are empty; expected texts to learn from "
            "(is data.text the right column?)"
        )
    path_of_first, _, line = first_missing.rpartition(":")
    first_missing = f"{_short(path_of_first, source)}:{line}" if missing else ""
    return StagedTexts(
        place, path, writer.rows, rows_of_code, empty, first_empty, missing, first_missing
    )


def _short(place: str, source: Opened[Rows]) -> str:
    """A place without the folder, as it may stand in what is written."""
    return Path(place).name if source.facts["kind"] == "files" else place


def _form(label: str) -> str:
    return quoted(label, 20) if label.strip() else "empty"


def _labelled(batch: Rows, codes: np.ndarray) -> Rows:
    """The rows that have a label."""
    kept = np.flatnonzero(codes != MISSING).tolist()
    return Rows(
        [batch.texts[at] for at in kept],
        [batch.labels[at] for at in kept],
        [batch.numbers[at] for at in kept],
        batch.place,
    )


def without_labels(
    split: str, place: str, missing: Mapping[str, int], splits: Collection[str]
) -> str:
    """What to say of a split in which no row has a label; `splits` are those of the source."""
    forms = ", ".join(f"{count} {form}" for form, count in missing.items())
    said = f"{place}: no {split} row has a label ({forms})"
    if split == "train":
        return f"{said}; is data.label the right column?"
    ways = [f"data.{split}_split=train to cut a part of train in its place"]
    if split == "test" and "valid" in splits:
        ways.insert(0, "data.test_split=valid to test on the validation split")
    return f"{said}; they may be kept secret: set {', or '.join(ways)}"


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
