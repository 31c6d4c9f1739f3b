"""The interface of all tokenizers, and of their modules."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

    from nightloom.context import BuildContext


class Tokenizer(Protocol):
    """Texts to token ids, for data as well as in an exported graph."""

    def encode(self, texts: list[str]) -> "pa.ListArray":
        """Token ids of each text, list<int32>, including special tokens, truncated."""

    def graph(self) -> "tf.Module":
        """A module that maps string [n] to int32 ids, ragged [n, (tokens)], the same ids."""


class TokenizerKind(Protocol):
    """The hooks of a tokenizer's module, which a family's record names."""

    NEEDS: tuple[str, ...]
    """Modules that TensorFlow needs to load a SavedModel with its graph."""

    def adapt(self, context: "BuildContext") -> dict[str, Any]:
        """Write the tokenizer's files to `context.out`; its facts, with `vocabulary`."""

    def load(self, folder: Path, *, length: int) -> Tokenizer:
        """The tokenizer that `adapt` wrote, truncating texts to `length` tokens."""
