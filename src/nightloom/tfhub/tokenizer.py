"""A TF Hub preprocessing module as tokenizer: the same SavedModel for data and for the export."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from nightloom.context import BuildContext
from nightloom.tfhub.preprocess import Preprocessor

MODULE = "preprocess"
NEEDS: tuple[str, ...] = ("tensorflow_text",)


def adapt(context: BuildContext) -> dict[str, Any]:
    """Copy the module out of the pair."""
    pair = context.inputs["checkpoint"]
    shutil.copytree(pair.path / MODULE, context.out / MODULE)
    return {"seq_length": pair.facts["seq_length"]}


def load(folder: Path, *, length: int) -> "HubTokenizer":
    """The module in `folder`, truncating texts to `length` pieces including special ones."""
    return HubTokenizer(folder / MODULE, length=length)


class HubTokenizer:
    """Texts to ids by a preprocessing module, without padding."""

    def __init__(self, module: Path, *, length: int) -> None:
        self._preprocessor = Preprocessor(module, max_length=length)

    def encode(self, texts: list[str]) -> pa.ListArray:
        """Ids of each text, list<int32>."""
        found = self._preprocessor(texts)
        offsets = np.zeros(len(found) + 1, np.int32)
        np.cumsum([len(ids) for ids in found], out=offsets[1:])
        flat = np.concatenate(found) if found else np.zeros(0, np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, pa.int32()))

    def graph(self) -> tf.Module:
        """The same module inside an exported graph."""
        return _HubGraph(self._preprocessor)


class _HubGraph(tf.Module):
    def __init__(self, preprocessor: Preprocessor) -> None:
        super().__init__()
        self.module = preprocessor.module  # tracked, so that it is exported
        self._ragged = preprocessor.ragged

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """string [n] → int32 ids, ragged [n, (tokens)]."""
        return self._ragged(texts)
