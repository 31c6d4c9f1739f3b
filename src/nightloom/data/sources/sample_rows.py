"""The built-in data: made-up news, always the same, to try everything without a download.

A story is drawn from a small grammar over the word lists of its class, which overlap; some
stories mix two classes, and some labels are wrong, as in real data. The tagged sentences use the
same names in several roles: a family name is also a company, a city a team; some tags are wrong,
as annotators make mistakes.
"""

from collections.abc import Iterator, Sequence
from random import Random

from nightloom.data.sources import sample_words as words
from nightloom.data.sources.sample_words import CLASSES

TEXT_ROWS = {"train": 6000, "test": 1500}
ENTITY_ROWS = {"train": 2000, "test": 500}

_MIXED = 0.18
_GENERAL = 0.18
_WRONG_LABEL = 0.025
_WRONG_TAGS = 0.03


class _Draw:
    """Draws only with `Random.random`, whose sequence for a seed is fixed in every Python."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def one(self, choices: Sequence[str]) -> str:
        return choices[int(self._random.random() * len(choices))]

    def often_first(self, choices: Sequence[str]) -> str:
        """One of `choices`, earlier ones more often, like words in language."""
        return choices[int(self._random.random() ** 1.6 * len(choices))]

    def number(self, low: int, high: int) -> str:
        return str(low + int(self._random.random() * (high - low + 1)))


_LISTS = {
    "subject": {name: text.split() for name, text in words.SUBJECTS.items()},
    "verb": {name: text.split() for name, text in words.VERBS.items()},
    "object": {name: text.split() for name, text in words.OBJECTS.items()},
    "context": {name: text.split() for name, text in words.CONTEXTS.items()},
}
_GENERAL_WORDS = {
    kind: sorted({word for of_class in lists.values() for word in of_class})
    for kind, lists in _LISTS.items()
}

_TITLES = (
    "{subject} {verb} {object}",
    "{city} {subject} {verb} {object}",
    "{adjective} {object} for {subject}",
    "{subject} {verb} {subject} over {object}",
    "{person} {verb} {object}",
)
_SENTENCES = (
    "{opener}, the {subject} {verb} the {adjective} {object} {context} on {day}.",
    "{city} - the {adjective} {subject} {verb} {firm} {context}.",
    "{person} of {country} {verb} the {object}, and the {subject} {verb} it {context}.",
    "the {object} of {firm} is {adjective} {context}, {opener}.",
    "a {adjective} {subject} from {city} {verb} {number} {object}s on {day}.",
    "{person} says the {subject} of {city} wants a {adjective} {object}.",
)


def sample_texts(split: str) -> Iterator[tuple[str, str]]:
    """Yield (text, label) of the made-up news; `split` is train (6,000 rows) or test (1,500)."""
    draw = _Draw(f"nightloom sample texts {split}")
    for _ in range(TEXT_ROWS[split]):
        topic = draw.one(CLASSES)
        other = draw.one(CLASSES) if draw.chance(_MIXED) else topic
        parts = [_text(draw, draw.one(_TITLES), topic, other)]
        for _ in range(1 + draw.chance(0.5)):
            parts.append(_text(draw, draw.one(_SENTENCES), topic, other))
        label = draw.one(CLASSES) if draw.chance(_WRONG_LABEL) else topic
        yield " ".join(parts), label


def _text(draw: _Draw, template: str, topic: str, other: str) -> str:
    filled = []
    for piece in template.replace("}", "{").split("{"):
        filled.append(_word(draw, piece, topic, other) if piece.isalpha() else piece)
    text = "".join(filled).replace("-", " ").replace("   ", " - ")
    return text[0].upper() + text[1:]


def _word(draw: _Draw, kind: str, topic: str, other: str) -> str:
    if kind in _LISTS:
        if draw.chance(_GENERAL):
            return draw.one(_GENERAL_WORDS[kind])
        return draw.often_first(_LISTS[kind][other if draw.chance(0.4) else topic])
    if kind == "person":
        return f"{draw.one(words.GIVEN_NAMES)} {draw.one(words.FAMILY_NAMES)}"
    if kind == "number":
        return draw.number(2, 90)
    fixed = {
        "adjective": words.ADJECTIVES,
        "opener": words.OPENERS,
        "day": words.DAYS,
        "city": words.CITIES,
        "country": words.COUNTRIES,
        "firm": words.FIRMS,
    }
    return draw.one(fixed[kind]) if kind in fixed else kind


# Slots in capitals become entities of that type; the rest are words as in the texts.
_TAGGED = (
    "{PER} visited {LOC} on {day} .",
    "{ORG} named {PER} as its chairman , {opener} .",
    "The {MISC} {subject} met {PER} in {LOC} .",
    "{TEAM} beat {TEAM} {number} - {number} at the {EVENT} .",
    "Shares of {ORG} fell {number} percent in {LOC} .",
    "{PER} , a {MISC} {subject} , joined {ORG} .",
    "{ORG} opens a {adjective} office near {LOC} , says {PER} .",
    "{LOC} , {LOC} and {LOC} signed the {object} .",
    "The {adjective} {subject} {verb} the {object} on {day} .",
    "{PER} {PER} and the {MISC} {subject} {verb} {ORG} .",
    "{PER} of {TEAM} wins the {EVENT} .",
    "{number} {MISC} {subject} left {LOC} for {LOC} .",
    "{ORG} {object} is {adjective} , {opener} .",
    "In {LOC} , {ORG} sues {ORG} .",
)


_TYPES = ("PER", "ORG", "LOC", "MISC")


def sample_sentences(split: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (words, IOB2 tags) of made-up sentences; `split` is train (2,000) or test (500)."""
    draw = _Draw(f"nightloom sample sentences {split}")
    for _ in range(ENTITY_ROWS[split]):
        topic = draw.one(CLASSES)
        tokens: list[str] = []
        tags: list[str] = []
        for piece in draw.one(_TAGGED).split():
            slot = piece.strip("{}")
            kind, name = _entity(draw, slot)
            if kind:
                tokens += name
                tags += _tags(draw, kind, len(name))
            else:
                filled = _word(draw, slot, topic, topic) if piece != slot else piece
                parts = filled.replace("-", " ").split() if filled != "-" else ["-"]
                tokens += parts
                tags += ["O"] * len(parts)
        if draw.chance(0.06):
            tokens = [token.upper() for token in tokens]
        yield tokens, tags


def _tags(draw: _Draw, kind: str, words: int) -> list[str]:
    """Tags of a name, sometimes missing, of another type, or without the last word."""
    slip = draw.one(("missed", "type", "short")) if draw.chance(_WRONG_TAGS) else ""
    if slip == "missed":
        return ["O"] * words
    if slip == "type":
        kind = draw.one([other for other in _TYPES if other != kind])
    tags = [f"B-{kind}"] + [f"I-{kind}"] * (words - 1)
    return [*tags[:-1], "O"] if slip == "short" and words > 1 else tags


def _entity(draw: _Draw, slot: str) -> tuple[str, list[str]]:
    """Type ('' for none) and words of a name for `slot`, some of them ambiguous."""
    if slot == "PER":
        given, family = draw.one(words.GIVEN_NAMES), draw.one(words.FAMILY_NAMES)
        shapes = ([given, family], [family], [given[0] + ".", family])
        return "PER", shapes[int(draw.number(0, 2))]
    if slot == "ORG":
        name = draw.one(words.FAMILY_NAMES) if draw.chance(0.35) else draw.one(words.FIRMS)
        endings: tuple[list[str], ...] = (
            [],
            ["Group"],
            ["Bank"],
            ["of", *draw.one(words.CITIES).split("-")],
        )
        return "ORG", [name, *endings[int(draw.number(0, 3))]]
    if slot == "TEAM":
        city = draw.one(words.CITIES).split("-")
        return "ORG", city if draw.chance(0.7) else [*city, "United"]
    if slot == "LOC":
        name = draw.one(words.COUNTRIES if draw.chance(0.4) else words.CITIES)
        return "LOC", name.split("-")
    if slot == "MISC":
        return "MISC", [draw.one(words.PEOPLES)]
    if slot == "EVENT":
        return "MISC", draw.one(words.EVENTS).split("-")
    return "", []
