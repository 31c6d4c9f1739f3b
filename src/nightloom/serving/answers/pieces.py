"""Tagged pieces of texts, as returned by an exported tagger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from .texts import as_bytes

PARTS = ("id", "label", "score", "start", "end")


@dataclass(frozen=True)
class TaggedText:
    """The pieces of one text, without special tokens; all arrays [pieces]."""

    ids: np.ndarray
    labels: list[str]
    scores: np.ndarray
    """float32: probability of the label."""
    starts: np.ndarray
    ends: np.ndarray
    """Indexes into the text."""


class SavedTagger:
    """An exported tagger, loaded."""

    def __init__(self, loaded: Any) -> None:
        """`loaded`: the result of `tf.saved_model.load`."""
        self._loaded = loaded
        self._tag = loaded.signatures["serving_default"]
        names = loaded.signatures["tags"]()["names"].numpy()
        self.label_names = [name.decode() for name in names]

    def tag(self, texts: Sequence[str], *, batch_size: int = 64) -> Iterator[TaggedText]:
        """The pieces of each text, in order; texts are batched by length."""
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        found: list[TaggedText | None] = [None] * len(texts)
        for begin in range(0, len(order), batch_size):
            chosen = order[begin : begin + batch_size]
            given = tf.constant(as_bytes([texts[n] for n in chosen]))
            answer = {name: value.numpy() for name, value in self._tag(text=given).items()}
            for row, n in enumerate(chosen):
                part = {name: answer[name][row, : answer["pieces"][row]] for name in PARTS}
                found[n] = TaggedText(
                    ids=part["id"],
                    labels=[label.decode() for label in part["label"]],
                    scores=part["score"],
                    starts=part["start"],
                    ends=part["end"],
                )
        yield from (one for one in found if one is not None)
