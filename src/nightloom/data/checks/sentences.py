"""Tagged sentences, as checks see them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from nightloom.data.checks.rows import Kind, Looked, numbers_of
from nightloom.data.checks.tagged import OUTSIDE, Tagged
from nightloom.settings.check import EntityCheckSettings

BEGINS = "B-"


class Sentences(Kind):
    """Sentences with a tag a word; entities are counted by their type."""

    columns = ("tokens", "tags")
    unit = "sentences"
    counts = "types"
    settings = EntityCheckSettings

    def __init__(self, label_names: Sequence[str]) -> None:
        self.numbers = {}
        self.tags = tuple(label_names)
        begun = [tag.removeprefix(BEGINS) for tag in self.tags if tag.startswith(BEGINS)]
        self.names = tuple(sorted(begun))
        self._type_name = [tag[2:] if tag[2:] in begun else OUTSIDE for tag in self.tags]
        at = {name: number for number, name in enumerate(self.names)}
        self._type = np.array(
            [at[tag.removeprefix(BEGINS)] if tag.startswith(BEGINS) else -1 for tag in self.tags]
        )

    def look(self, batch: pa.RecordBatch) -> Looked:
        """As Kind says."""
        tags = batch.column("tags")
        rows = np.repeat(np.arange(batch.num_rows), tags.value_lengths().to_numpy())
        types = self._type[tags.flatten().to_numpy()]
        counted = np.stack([rows, types], axis=1)[types >= 0]
        labels = numbers_of(" ".join(self.tags[tag] for tag in one) for one in tags.to_pylist())
        tokens = batch.column("tokens").to_pylist()
        beside = [
            Tagged(words, tuple(self._type_name[tag] for tag in one))
            for words, one in zip(tokens, tags.to_pylist(), strict=True)
        ]
        return Looked([" ".join(words) for words in tokens], labels, counted, beside)
