"""A checkpoint's tokenizer as TensorFlow operations, equal to its Hugging Face fast tokenizer.

A model that takes raw strings has its tokenizer in the graph; training used the fast tokenizer.
Both must produce the same ids, so everything here is taken from the fast tokenizer itself: its
normaliser, vocabulary, added tokens, and the special tokens around a text.

Text that spells a special token, such as `[MASK]` or `</s>`, becomes that token, as it does in
the fast tokenizer.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from nightloom.errors import InputError
from nightloom.text.graph_bpe import BytePairs
from nightloom.text.graph_rows import framed
from nightloom.text.graph_unigram import Unigram
from nightloom.text.graph_wordpiece import WordPiece
from nightloom.text.graph_words import Pieces
from nightloom.text.spec import Part


class GraphTokenizer(tf.Module):
    """Strings to token ids, saved with a SavedModel; no state, no extra files."""

    def __init__(
        self,
        pieces: Callable[..., Pieces],
        *,
        before: list[int],
        after: list[int],
        max_length: int,
        special: dict[str, int],
        vocabulary_size: int,
    ) -> None:
        """`before` and `after` are the special tokens around each text."""
        super().__init__()
        if max_length < len(before) + len(after) + 1:
            room = len(before) + len(after) + 1
            raise InputError(f"expected a length of at least {room} tokens, got {max_length}")
        self.max_length = max_length
        self.special = special
        self.vocabulary_size = vocabulary_size
        self.before, self.after = list(before), list(after)
        self._pieces = pieces

    @classmethod
    def from_directory(cls, directory: Path | str, max_length: int) -> "GraphTokenizer":
        """Read a checkpoint directory: tokenizer.json, or the older vocabulary files.

        Texts are truncated to `max_length` tokens, including special tokens.

        Raises:
            InputError: there is no tokenizer, or one that cannot be put into a graph; names it.
        """
        return cls.from_fast(load_fast(directory), max_length)

    @classmethod
    def from_fast(cls, fast: Any, max_length: int) -> "GraphTokenizer":
        """From a loaded `transformers` fast tokenizer."""
        import json

        spec = json.loads(fast.backend_tokenizer.to_str())
        if getattr(fast, "truncation_side", "right") != "right":
            raise InputError(
                "expected a tokenizer that truncates on the right, got truncation_side=left"
            )
        size = max(fast.get_vocab().values()) + 1
        pieces = _pieces(spec, size)
        probe = fast("a", return_special_tokens_mask=True)
        inner = [i for i, mask in enumerate(probe["special_tokens_mask"]) if not mask]
        ids = probe["input_ids"]
        if not inner:
            raise InputError("expected a tokenizer with a non-special token for 'a'")
        special = {
            name: getattr(fast, f"{name}_token_id")
            for name in ("pad", "cls", "sep", "mask", "unk")
            if getattr(fast, f"{name}_token_id", None) is not None
        }
        return cls(
            pieces,
            before=ids[: inner[0]],
            after=ids[inner[-1] + 1 :],
            max_length=max_length,
            special=special,
            vocabulary_size=size,
        )

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """string [n] → int32 ids [n, (tokens)], including special tokens."""
        pieces = self._pieces(texts)
        return self._around(pieces.ids, pieces, self.before, self.after)

    def with_spans(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, ...]:
        """string [n] → ids, starts, ends: int32 [n, (tokens)].

        Starts and ends count code points of the original string, like indexes of a Python str; they
        are 0 for special tokens.
        """
        pieces = self._pieces(texts, spans=True)
        nothing_before, nothing_after = [0] * len(self.before), [0] * len(self.after)
        return (
            self._around(pieces.ids, pieces, self.before, self.after),
            self._around(pieces.starts, pieces, nothing_before, nothing_after),
            self._around(pieces.ends, pieces, nothing_before, nothing_after),
        )

    def bare(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """string [n] → int32 ids [n, (pieces)] without special tokens, not truncated."""
        pieces = self._pieces(texts)
        return tf.RaggedTensor.from_row_splits(pieces.ids, pieces.row_splits, validate=False)

    def _around(
        self, values: tf.Tensor, pieces: Pieces, before: list[int], after: list[int]
    ) -> tf.RaggedTensor:
        room = self.max_length - len(before) - len(after)
        return framed(values, pieces.row_splits, before=before, after=after, room=room)


def load_fast(directory: Path | str) -> Any:
    """The `transformers` fast tokenizer of a checkpoint directory; nothing is downloaded.

    Raises:
        InputError: there is none, or it is not a fast one.
    """
    from transformers import AutoTokenizer

    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(f"expected a checkpoint directory, found none at {directory}")
    try:
        fast = AutoTokenizer.from_pretrained(str(directory), local_files_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"cannot read a tokenizer from {directory} ({reason}); expected tokenizer.json, or "
            "config.json and the model's vocabulary files"
        ) from error
    if getattr(fast, "backend_tokenizer", None) is None:
        name = type(fast).__name__
        raise InputError(f"expected a fast tokenizer in {directory}, got {name}")
    return fast


def _pieces(spec: Part, size: int) -> Callable[..., Pieces]:
    kind = spec["model"]["type"]
    if kind == "WordPiece":
        return WordPiece(spec, size=size)
    if kind == "BPE":
        return BytePairs(spec, size=size)
    if kind == "Unigram":
        return Unigram(spec, size=size)
    raise InputError(
        f"the tokenizer model {kind} cannot be put into a graph; expected WordPiece (BERT), "
        "byte-level BPE (RoBERTa) or Unigram (ALBERT)"
    )
