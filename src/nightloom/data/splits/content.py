"""What identifies a row by what it says: a number that is the same wherever it stands."""

import hashlib
import unicodedata
from collections.abc import Iterable

import numpy as np


def normalised(text: str) -> str:
    """A text without what a re-export may change: capitals, white space, forms of Unicode."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.lower().split())


def content_numbers(texts: Iterable[str]) -> np.ndarray:
    """A number for each text, uint64 of shape [rows]; equal where they are equal normalised."""
    digests = b"".join(
        hashlib.blake2b(normalised(text).encode(), digest_size=8).digest() for text in texts
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
