"""The contract of all tokenizers, and which module has the one of a family."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

    from nightloom.stages.context import BuildContext

KINDS = {"transformer": "nightloom.text.words"}
"""Module of each family's tokenizer."""


class Tokenizer(Protocol):
    """Texts to token ids, for data and inside an exported graph alike."""

    def encode(self, texts: list[str]) -> "pa.ListArray":
        """Token ids of each text, list<int32>, special tokens included, cut to the length."""

    def graph(self) -> "tf.Module":
        """A module that maps string [n] to int32 ids, ragged [n, (tokens)], the same ids."""


class TokenizerKind(Protocol):
    """The functions of a tokenizer's module."""

    def adapt(self, context: "BuildContext") -> dict[str, Any]:
        """Write the tokenizer's files to `context.out`; its facts, with `vocabulary`."""

    def load(self, folder: Path, *, length: int) -> Tokenizer:
        """The tokenizer that `adapt` wrote, cutting texts to `length` tokens."""


def kind(family: str) -> TokenizerKind:
    """The module with the tokenizer of a family."""
    return cast("TokenizerKind", importlib.import_module(KINDS[family]))
