"""Names of models and units, of the names of files and folders in any script."""

import re
import unicodedata

_OTHER = re.compile("[^A-Za-z0-9._-]+")
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
)
"""Latin letters that Unicode does not decompose."""


def plain_name(text: str) -> str:
    """The text in letters from A to Z, digits, dots, hyphens and underscores; may be empty.

    Latin letters lose their accents; everything else becomes hyphens, none at the ends.
    """
    letters = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    bare = "".join(one for one in letters if not unicodedata.combining(one))
    return _OTHER.sub("-", bare).strip("-")
