"""The contract of all tokenizers, and which module has which kind."""

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from nightloom.declared import by_declaration

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf

    from nightloom.context import BuildContext

KINDS = {
    "words": "nightloom.text.words",
    "pieces": "nightloom.text.pieces",
    "hub_module": "nightloom.text.hub_module",
}
"""Module of each kind of tokenizer."""
OF_FAMILY = {"transformer": "words", "bert": "pieces", "tagger": "pieces", "hub": "hub_module"}
DESCRIPTION = "kind.json"


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


def adapt_tokenizer(family: str, context: "BuildContext") -> dict[str, Any]:
    """Write the tokenizer of a family to `context.out`; its facts."""
    name = OF_FAMILY[family]
    facts = _kind(name).adapt(context)
    (context.out / DESCRIPTION).write_text(json.dumps({"kind": name}) + "\n", encoding="utf-8")
    return facts


def load_tokenizer(folder: Path, *, length: int) -> Tokenizer:
    """The tokenizer that lies in `folder`, cutting texts to `length` tokens."""
    name: str = json.loads((folder / DESCRIPTION).read_text("utf-8"))["kind"]
    return _kind(name).load(folder, length=length)


@by_declaration
def _kind(name: str) -> TokenizerKind:
    return cast("TokenizerKind", importlib.import_module(KINDS[name]))
