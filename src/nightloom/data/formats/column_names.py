"""Names of the columns of words and tags, the likeliest first."""

from collections.abc import Sequence

WORD_COLUMNS = ("tokens", "token", "words", "word", "form")
TAG_COLUMNS = (
    "ner_tags",
    "ner",
    "ner_tag",
    "entity_tags",
    "entities",
    "entity",
    "tags",
    "tag",
    "labels",
    "label",
)


def position(columns: Sequence[str], names: Sequence[str], default: int) -> int:
    """The position in `columns` of the first of `names` that it has, else `default`."""
    return next((columns.index(name) for name in names if name in columns), default)
