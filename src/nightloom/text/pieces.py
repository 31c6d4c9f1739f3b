"""A checkpoint's own tokenizer: the fast one for data, its equivalent in the graph."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nightloom.context import BuildContext
from nightloom.encoders.tokenizer_files import TOKENIZER_FILES
from nightloom.text.graph_tokenizer import GraphTokenizer, load_fast

LEAST = 8
"""Any length will do to check that a tokenizer can be put into a graph."""

if TYPE_CHECKING:
    import tensorflow as tf
NEEDS: tuple[str, ...] = ()


def adapt(context: BuildContext) -> dict[str, Any]:
    """Copy the tokenizer's files from the checkpoint.

    Raises:
        InputError: It cannot be put into the exported graph; found before anything is trained.
    """
    checkpoint = context.inputs["checkpoint"].path
    for name in TOKENIZER_FILES:
        if (checkpoint / name).is_file():
            shutil.copyfile(checkpoint / name, context.out / name)
    GraphTokenizer.from_directory(context.out, LEAST)
    return {"vocabulary": len(load_fast(context.out))}


def load(folder: Path, *, length: int) -> "PieceTokenizer":
    """The tokenizer in `folder`, truncating texts to `length` pieces including special ones."""
    return PieceTokenizer(folder, length=length)


class PieceTokenizer:
    """Texts to word-piece ids, batched, by the tokenizers library."""

    def __init__(self, folder: Path, *, length: int) -> None:
        self._folder = folder
        self._length = length
        self._fast = load_fast(folder).backend_tokenizer
        self._fast.enable_truncation(length)
        self._fast.no_padding()

    def encode(self, texts: list[str]) -> pa.ListArray:
        """Ids of each text, list<int32>."""
        found = [encoding.ids for encoding in self._fast.encode_batch_fast(texts)]
        offsets = np.zeros(len(found) + 1, np.int32)
        np.cumsum([len(ids) for ids in found], out=offsets[1:])
        flat = np.fromiter((i for ids in found for i in ids), np.int32, int(offsets[-1]))
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))

    def graph(self) -> "tf.Module":
        """The same in TensorFlow operations."""
        return GraphTokenizer.from_directory(self._folder, self._length)
