"""The contract of all tokenizers, and of the modules that have them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

    from nightloom.context import BuildContext


class Tokenizer(Protocol):
    """Texts to token ids, for data and inside an exported graph alike."""

    def encode(self, texts: list[str]) -> "pa.ListArray":
        """Token ids of each text, list<int32>, special tokens included, cut to the length."""

    def graph(self) -> "tf.Module":
        """A module that maps string [n] to int32 ids, ragged [n, (tokens)], the same ids."""


class TokenizerKind(Protocol):
    """What a tokenizer's module has; a family's record names it."""

    NEEDS: tuple[str, ...]
    """Modules without which TensorFlow cannot load a SavedModel with its graph."""

    def adapt(self, context: "BuildContext") -> dict[str, Any]:
        """Write the tokenizer's files to `context.out`; its facts, with `vocabulary`."""

    def load(self, folder: Path, *, length: int) -> Tokenizer:
        """The tokenizer that `adapt` wrote, cutting texts to `length` tokens."""
