"""The answers of a registered model, whatever its task."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from nightloom.home import Home
from nightloom.registry.aliases import Entry
from nightloom.registry.files import model_files
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.serving.quiet import quiet_start
from nightloom.worker.client import ENVIRONMENT

TOKENIZER = "tokenizer"
"""Folder of the tokenizer's files beside the SavedModel."""


class Predictor(Protocol):
    """A loaded model."""

    def predict(self, texts: list[str], *, batch_size: int) -> Iterator[dict[str, Any]]:
        """One answer a text, in order, as plain JSON."""


class ClassPredictor:
    """Label and probabilities of a classifier."""

    def __init__(self, saved: Any) -> None:
        self._saved = saved

    def predict(self, texts: list[str], *, batch_size: int) -> Iterator[dict[str, Any]]:
        """`text`, `label`, `probabilities` by label."""
        names = self._saved.label_names
        found = self._saved.probabilities(texts, batch_size=batch_size)
        for text, row in zip(texts, found, strict=True):
            yield {
                "text": text,
                "label": names[int(row.argmax())],
                "probabilities": {
                    name: round(float(value), 6) for name, value in zip(names, row, strict=True)
                },
            }


class EntityPredictor:
    """Entities of a tagger."""

    def __init__(self, saved: Any, spelling: "Spelling") -> None:
        self._saved = saved
        self._spelling = spelling

    def predict(self, texts: list[str], *, batch_size: int) -> Iterator[dict[str, Any]]:
        """`text`, `entities`: `entity_group`, `score`, `word`, `start`, `end` of each."""
        from nightloom.serving.entities import entities_of

        found = self._saved.tag(texts, batch_size=batch_size)
        for text, tagged in zip(texts, found, strict=True):
            entities = entities_of(text, tagged, spell=self._spelling)
            for entity in entities:
                entity["score"] = round(entity["score"], 6)
            yield {"text": text, "entities": entities}


class Spelling:
    """How a tokenizer puts pieces together again; transformers itself is not needed."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        self._unknown = self._tokenizer.token_to_id(str(settings.get("unk_token")))

    def __call__(self, ids: list[int], stretches: list[str]) -> str:
        """The pieces as one string; an unknown piece is spelled as it stands in the text."""
        pieces = [
            stretch if number == self._unknown else str(self._tokenizer.id_to_token(number))
            for number, stretch in zip(ids, stretches, strict=True)
        ]
        decoder = self._tokenizer.decoder
        return str(decoder.decode(pieces)) if decoder is not None else " ".join(pieces)


def load_predictor(home: Home, entry: Entry) -> Predictor:
    """Fetch a version's files where they are not here, and load them.

    Raises:
        InputError: The files are gone.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    folder = model_files(home, entry)
    with quiet_start():
        predictor = _open(folder)
        # native libraries speak up when they run for the first time as well
        list(predictor.predict(["a"], batch_size=1))
    return predictor


def _open(folder: Path) -> Predictor:
    from nightloom.serving.saved import open_saved
    from nightloom.serving.tagger import SavedTagger

    saved = open_saved(folder / SAVED_MODEL)
    if isinstance(saved, SavedTagger):
        return EntityPredictor(saved, Spelling(folder / TOKENIZER))
    return ClassPredictor(saved)
