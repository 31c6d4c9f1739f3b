"""The script that a text is in, and of Latin and Cyrillic ones a guess at its language.

A script is seen from the letters' places in Unicode. A language is guessed by words that are
frequent in it and mean nothing in the others; texts with fewer than two of them, or with as many of
another language, are left open. That is too coarse for one text, and good enough for shares.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

SCRIPTS = (
    (0x0041, "Latin"), (0x0250, ""), (0x0370, "Greek"), (0x0400, "Cyrillic"), (0x0530, "Armenian"),
    (0x0590, "Hebrew"), (0x0600, "Arabic"), (0x0700, ""), (0x0900, "Devanagari"),
    (0x0980, "Bengali"), (0x0A00, "Indic"), (0x0E00, "Thai"), (0x0E80, ""), (0x10A0, "Georgian"),
    (0x1100, "Hangul"), (0x1200, ""), (0x1E00, "Latin"), (0x1F00, "Greek"), (0x2000, ""),
    (0x3040, "Kana"), (0x3100, ""), (0x3130, "Hangul"), (0x3190, ""), (0x3400, "Han"),
    (0xA000, ""), (0xAC00, "Hangul"), (0xD7B0, ""), (0xF900, "Han"), (0xFB00, ""),
    (0xFB50, "Arabic"), (0xFE00, ""), (0xFE70, "Arabic"), (0xFF00, ""),
    (0x20000, "Han"), (0x30000, ""),
)  # fmt: skip
"""Where each begins; the last one goes on to the next line."""

WORDS = {
    "English": "the of and to that with was for is this from which have are not been they",
    "German": "der die und das ist nicht mit sich auf ein eine dem den von zu wird auch",
    "French": "le les des est une dans pour qui pas sur avec par ce sont aux cette du",
    "Spanish": "el los las del una por con para como pero más fue sus han y este",
    "Portuguese": "não uma os dos das em foi são mais pelo ao também seu sua à pela",
    "Italian": "il di che per non una sono della nel con gli alla più anche dei è",
    "Dutch": "het een van niet met voor zijn aan ook maar dat bij naar uit wordt deze",
    "Swedish": "och att det som är på inte för av den med till var från har ett",
    "Polish": "nie się na jest że do od przez po oraz był które dla jak tym są",
    "Turkish": "ve bir bu için ile olarak çok daha olan gibi sonra kadar ne ancak",
    "Indonesian": "yang dan untuk dengan dari pada ini tidak dalam akan itu oleh juga",
    "Russian": "и не на что по из как это для он от было был также его но",
    "Ukrainian": "і та що не на як від це до його за який також був й є",
}
"""Frequent words; one that is in several lists counts for each."""
GUESSED = {"Latin", "Cyrillic"}
OPEN = "open"
"""Of texts whose language or script is left open."""
_OF_WORD = {
    word: tuple(name for name, words in WORDS.items() if word in words.split())
    for words in WORDS.values()
    for word in words.split()
}
_LEAST = 2


def languages(texts: Iterable[str]) -> Counter[str]:
    """Texts by language, or by script where no language is guessed."""
    known: dict[str, str] = {}
    return Counter(_language(text, known) for text in texts)


def script_of(letter: str) -> str:
    """The script of a letter, empty for what is none."""
    if not letter.isalpha():
        return ""
    point, found = ord(letter), ""
    for start, name in SCRIPTS:
        if point < start:
            break
        found = name
    return found


def _language(text: str, known: dict[str, str]) -> str:
    script = "Latin" if text.isascii() else _script(text, known)
    if script not in GUESSED:
        return script or OPEN
    found: Counter[str] = Counter()
    for word in text.lower().split():
        found.update(_OF_WORD.get(word.strip(".,;:!?\"'()«»"), ()))
    best = found.most_common(2)
    if not best or best[0][1] < _LEAST or (len(best) > 1 and best[1][1] == best[0][1]):
        return OPEN if script == "Latin" else script
    return best[0][0]


def _script(text: str, known: dict[str, str]) -> str:
    """The script of most of its letters."""
    found: Counter[str] = Counter()
    for letter, times in Counter(text).items():
        if letter not in known:
            known[letter] = script_of(letter)
        found[known[letter]] += times
    del found[""]
    return found.most_common(1)[0][0] if found else ""


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Shares of all texts."""
    total = max(sum(counts.values()), 1)
    return {name: count / total for name, count in sorted(counts.items())}
