"""How wide a table is in Prefect's older UI at 1,280 pixels, in letters."""

import unicodedata
from collections.abc import Sequence

PAGE = 692 / 7
"""Letters beside each other: the page has 709 pixels, a letter some 7; a little is left over."""
BETWEEN = 24 / 7
"""Of each column, around its text."""
LEAST = 10.0
"""To which a column is shortened at the most."""
LETTERS = ((" .,:;'|!ijl", 0.55), ("frt()[]-_/", 0.75), ("0123456789", 1.05), ("mwMW+=→%", 1.7))
"""Those that are much narrower or wider than others, as in the font Inter."""
BLOCK = 1.6
"""A block of a curve, which comes from another font."""


def width(text: str) -> float:
    """The width of a text."""
    return sum(map(_letter, text))


def fitting(widths: Sequence[float]) -> list[float]:
    """How wide columns may be that would be as wide as `widths`: the widest give way first."""
    room = PAGE - BETWEEN * len(widths)
    found = list(widths)
    while sum(found) > room and max(found) > LEAST:
        widest = max(found)
        at = [n for n, one in enumerate(found) if one == widest]
        next_ = max((one for one in found if one < widest), default=0.0)
        fair = widest - (sum(found) - room) / len(at)
        for n in at:
            found[n] = max(LEAST, next_, fair)
        if max(found) == widest:
            break
    return found


def _letter(letter: str) -> float:
    for letters, one in LETTERS:
        if letter in letters:
            return one
    if "▀" <= letter <= "▟":
        return BLOCK
    if unicodedata.east_asian_width(letter) in "WF":
        return 2.0
    return 1.4 if letter.isupper() else 1.15
