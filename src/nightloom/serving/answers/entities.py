"""Answers of a tagger: pieces with tags → entities of a text.

Grouping is that of transformers' pipeline("token-classification", aggregation_strategy="simple"):
a piece continues the previous entity if the types are equal and its tag is not a `B-`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from .pieces import SavedTagger, TaggedText

OUTSIDE = "O"
ENTITIES = "entities"


def entities_of(
    text: str, tagged: TaggedText, *, spell: Callable[[list[int], list[str]], str]
) -> list[dict[str, Any]]:
    """`entity_group`, `score` (mean over the pieces), `word`, `start`, `end` of each entity.

    spell: from ids of pieces, and the text span of each, to the tokenizer's joint spelling.
    `text[start:end]` is the entity as it appears in the text.
    """
    groups: list[list[int]] = []
    for piece, label in enumerate(tagged.labels):
        if piece and not label.startswith("B-") and _type(label) == _type(tagged.labels[piece - 1]):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [
        {
            "entity_group": _type(tagged.labels[group[0]]),
            "score": float(tagged.scores[group].mean(dtype=np.float64)),
            "word": spell(
                [int(tagged.ids[piece]) for piece in group],
                [text[tagged.starts[piece] : tagged.ends[piece]] for piece in group],
            ),
            "start": int(tagged.starts[group[0]]),
            "end": int(tagged.ends[group[-1]]),
        }
        for group in groups
        if tagged.labels[group[0]] != OUTSIDE
    ]


def _type(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


class EntityPredictor:
    """Entities of a tagger."""

    def __init__(self, saved: SavedTagger, spelling: "Spelling") -> None:
        self._saved = saved
        self._spelling = spelling

    def predict(self, texts: list[str], *, batch_size: int) -> Iterator[dict[str, Any]]:
        """`text`, `entities`: `entity_group`, `score`, `word`, `start`, `end` of each."""
        found = self._saved.tag(texts, batch_size=batch_size)
        for text, tagged in zip(texts, found, strict=True):
            entities = entities_of(text, tagged, spell=self._spelling)
            for entity in entities:
                entity["score"] = round(entity["score"], 6)
            yield {"text": text, "entities": entities}

    def frame(self, answers: Sequence[dict[str, Any]], index: Any) -> pandas.DataFrame:
        """Answers as a frame: `entities`, a list for each text."""
        values = [answer["entities"] for answer in answers]
        return pandas.DataFrame({ENTITIES: pandas.Series(values, index=index, dtype=object)})


class Spelling:
    """Joins a tokenizer's pieces; does not need transformers."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        self._unknown = self._tokenizer.token_to_id(str(settings.get("unk_token")))

    def __call__(self, ids: list[int], stretches: list[str]) -> str:
        """The pieces as one string; an unknown piece is spelled as in the text."""
        pieces = [
            stretch if number == self._unknown else str(self._tokenizer.id_to_token(number))
            for number, stretch in zip(ids, stretches, strict=True)
        ]
        decoder = self._tokenizer.decoder
        return str(decoder.decode(pieces)) if decoder is not None else " ".join(pieces)
