"""A count and what it counts, in agreement."""

import re
from collections.abc import Sequence

_OF_ONE = {
    "are": "is",
    "count": "counts",
    "have": "has",
    "near-duplicates": "a near-duplicate",
    "repeat": "repeats",
    "stay": "stays",
    "were": "was",
}


def counted(count: int, words: str) -> str:
    """A count before its words, which are given as for several: "2 rows are", "1 row is".

    Of one, the first word that ends in s loses it, and verbs follow. After "of" nouns stay: "1 of 9
    rows is".
    """
    if count == 1:
        if not words.startswith("of "):
            words = re.sub(r"s\b", "", words, count=1)
        words = re.sub(rf"\b({'|'.join(_OF_ONE)})\b", lambda verb: _OF_ONE[verb[0]], words)
    return f"{count:,} {words}"


def there_are(names: Sequence[str]) -> str:
    """What there is instead of what was asked for: "there are a, b", "there is a"."""
    return f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}"
