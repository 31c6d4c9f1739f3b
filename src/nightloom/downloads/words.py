"""Errors and addresses in one line, without tokens and passwords."""

from nightloom.masking import masked


def cleaned(text: str) -> str:
    """`text` on one line, without tokens and passwords."""
    return " ".join(masked(text).split())


def one_line(error: object, length: int = 200) -> str:
    """The text of an error on one line, shortened."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= length else text[: length - 1] + "…"
