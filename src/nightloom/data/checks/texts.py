"""Labelled texts, as checks see them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from nightloom.data.checks.rows import Kind, Looked, numbers_of
from nightloom.settings.check import CheckSettings


class Texts(Kind):
    """Texts of one class each."""

    columns = ("text", "label")
    unit = "rows"
    counts = "classes"
    settings = CheckSettings
    by_class = True

    def __init__(self, label_names: Sequence[str]) -> None:
        self.names = tuple(label_names)
        self._numbers = numbers_of(self.names)
        self.numbers = dict(zip(self.names, self._numbers.tolist(), strict=True))

    def look(self, batch: pa.RecordBatch) -> Looked:
        """As Kind says."""
        classes = batch.column("label").to_numpy()
        counted = np.stack([np.arange(len(classes)), classes], axis=1)
        return Looked(batch.column("text").to_pylist(), self._numbers[classes], counted)
