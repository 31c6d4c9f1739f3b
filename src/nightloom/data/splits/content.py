"""The identity of a row's content: a number that is the same wherever the row is."""

import hashlib
import unicodedata
from collections.abc import Iterable

import numpy as np


def normalised(text: str) -> str:
    """A text without what a re-export may change: case, white space, Unicode form."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.lower().split())


def content_numbers(texts: Iterable[str]) -> np.ndarray:
    """A number for each text, uint64 [rows]; equal if the normalised texts are equal."""
    digests = b"".join(
        hashlib.blake2b(normalised(text).encode(), digest_size=8).digest() for text in texts
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
