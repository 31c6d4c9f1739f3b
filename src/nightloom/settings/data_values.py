"""Kinds of values that only the settings of data have, as a terminal spells them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nightloom.settings.spelling import listed


def absent(value: Any) -> Any:
    """Read the command line's ways of writing 'not given' as None."""
    if isinstance(value, str) and value.strip().lower() in ("", "none", "null"):
        return None
    return value


def _names(value: Any) -> Any:
    """Read `a,b` as the two names a and b."""
    value = absent(value)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        if not value or any(not name.strip() for name in value):
            raise ValueError(f"expected names separated by commas, none of them empty; got {value}")
        twice = sorted({name for name in value if list(value).count(name) > 1})
        if twice:
            raise ValueError(f"expected different names; {listed(twice)} stands more than once")
    return value


def scheme_name(value: Any) -> Any:
    """Read other names of a scheme."""
    return _SCHEMES.get(value.strip().lower(), value) if isinstance(value, str) else value


_SCHEMES = {
    **dict.fromkeys(("bilou", "bioul", "biluo", "bioes", "iobes", "bmes", "bmewo"), "bilou"),
    **dict.fromkeys(("bio", "iob2", "bio2"), "iob2"),
}
Names = Annotated[tuple[str, ...] | None, BeforeValidator(_names)]
DELIMITERS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "bar": "|",
    "pipe": "|",
    "space": " ",
}


def _delimiter(value: Any) -> Any:
    """Read a delimiter, by name or as the character, as its name where it has one."""
    value = absent(value) if value not in ("\t", " ") else value
    if not isinstance(value, str):
        return value
    character = DELIMITERS.get(value.strip().lower(), value)
    if len(character) != 1 or character in '"\r\n\0\ufeff' or character.isalnum():
        raise ValueError(
            f"expected {', '.join(name for name in DELIMITERS if name.isalpha())}, or one "
            f"character that is no letter, digit or quote; got {value!r}"
        )
    return next((name for name, known in DELIMITERS.items() if known == character), character)


Delimiter = Annotated[str | None, BeforeValidator(_delimiter)]
Limit = Annotated[Annotated[int, Field(gt=0)] | None, BeforeValidator(absent)]
SplitName = Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(absent)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


def _missing(value: Any) -> Any:
    """Read `a,b` as two labels that stand for none, and an empty list as no others than empty."""
    value = absent(value)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, list | tuple) and not all(isinstance(name, str) for name in value):
        raise ValueError(f"expected labels as text, got {value}; quote them")
    return value


MissingLabels = Annotated[tuple[str, ...] | None, BeforeValidator(_missing)]
