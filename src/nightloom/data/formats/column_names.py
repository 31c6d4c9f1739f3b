"""What the columns of words and of tags are called, the likeliest name first."""

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
    """Where the first of `names` that is there stands among `columns`, else `default`."""
    return next((columns.index(name) for name in names if name in columns), default)
