"""Values and text for one-line messages, with anything odd made visible."""

import re
import reprlib
import unicodedata
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher, get_close_matches
from pathlib import PurePath
from typing import Any

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80
_REPR.maxlevel = 2
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile("[A-Za-z]")
_ALIKE = re.compile("[\u0370-\u03ff\u0400-\u052f\u0530-\u058f]")
"""Greek, Cyrillic and Armenian: within a Latin word they pass for Latin letters."""

_NEAR = 0.75
"""How alike the names of files are, as difflib has it, of which one is a slip for the other."""


def spelled(value: Any) -> str:
    """A value's repr, shortened, whatever its size."""
    return on_one_line(_REPR.repr(value))


def on_one_line(text: str, length: int = 500) -> str:
    """A message on one line that a terminal can print, shortened to `length` characters.

    Line breaks and runs of spaces become one space; invisible characters are escaped.
    """
    line = "".join(visible(letter) for letter in re.sub("[ \t\r\n\v\f]+", " ", text).strip(" "))
    return line if len(line) <= length else line[: length - 1] + "\u2026"


def shown(text: str, length: int = 60) -> str:
    r"""A user's value for a one-line message.

    Plain if it is what it looks like; else quoted, with escapes for spaces at its ends,
    tabs, invisible and control characters, decomposed and look-alike letters.
    """
    plain = text and text == text.strip(" ") and text == "".join(_letters(text))
    return _cut(text, length) if plain else quoted(text, length)


def quoted(text: str, length: int = 60) -> str:
    """The same, always quoted."""
    letters = list(_letters(text))
    if "".join(letters) != text:  # then a literal backslash must differ from an escape's
        letters = ["\\\\" if letter == "\\" else letter for letter in letters]
    mark = '"' if "'" in text and '"' not in text else "'"
    return f"{mark}{_cut(letters, length)}{mark}"


def listed(values: Iterable[str], most: int = 12, length: int = 40) -> str:
    """Comma-separated names, the first few if there are many; those with commas are quoted."""
    names = list(values)
    told = (quoted(name, length) if "," in name else shown(name, length) for name in names[:most])
    line = ", ".join(told) or "nothing"
    return line + (f" and {len(names) - most} more" if len(names) > most else "")


def meant(name: str, names: Iterable[str], length: int = 40) -> str:
    """`; did you mean 'NAME'?` for the nearest of `names`; empty if none is near."""
    close = get_close_matches(name, list(names), n=1)
    return f"; did you mean {quoted(close[0], length)}?" if close else ""


def near_file(name: str, names: Iterable[str]) -> str | None:
    """The one of some files' names that a name was probably meant to be, None if none is near.

    What comes before the extension is compared, whatever its case; names that differ in numbers
    alone, as those of two days, are two names.
    """
    wanted = _stem(name)
    near = [
        (SequenceMatcher(None, _stem(other), wanted).ratio(), other)
        for other in names
        if _stem(other) == wanted or _numberless(_stem(other)) != _numberless(wanted)
    ]
    same_ending = name.rpartition(".")[2].lower()
    ranked = sorted(near, key=lambda one: (-one[0], not one[1].lower().endswith(same_ending)))
    return ranked[0][1] if ranked and ranked[0][0] >= _NEAR else None


def _stem(name: str) -> str:
    return PurePath(name.lower().removesuffix(".gz")).stem


def _numberless(stem: str) -> str:
    return re.sub(r"\d+", "0", stem)


def _cut(letters: Iterable[str], length: int) -> str:
    found = ""
    for letter in letters:
        if len(found) + len(letter) > length:
            return found[: length - 1] + "\u2026"
        found += letter
    return found


def _letters(text: str) -> Iterator[str]:
    """Each letter of a text, escaped if it is not what it looks like."""
    alike = {
        at
        for word in _WORD.finditer(text)
        if _LATIN.search(word[0])
        for at in range(word.start(), word.end())
        if _ALIKE.match(text[at])
    }
    composed = unicodedata.is_normalized("NFC", text)
    for at, letter in enumerate(text):
        if at in alike or (not composed and _decomposed(letter)):
            yield _escape(letter)
        elif text[at - 1 : at + 1] == "  ":
            yield "\\x20"  # the second of two spaces
        else:
            yield visible(letter)


def _decomposed(letter: str) -> bool:
    return unicodedata.combining(letter) > 0 or unicodedata.normalize("NFC", letter) != letter


def visible(letter: str) -> str:
    """A letter, or its escape if a terminal would not show it."""
    return letter if letter.isprintable() else _escape(letter)


def _escape(letter: str) -> str:
    if 0xD800 <= ord(letter) <= 0xDFFF:
        return f"\\u{ord(letter):04x}"
    return letter.encode("unicode_escape").decode("ascii")
