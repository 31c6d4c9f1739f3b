"""Words for which a page has no room, such as paths: cut in their place, and below in full."""

import re
import unicodedata
from collections.abc import Iterator

from nightloom.reporting.markdown import code, escape
from nightloom.reporting.width import width

ROOM = 60.0
"""Letters of a line in Prefect's newer UI at 1,280 pixels, beside a bullet."""
FENCE = "```"


def within_page(markdown: str) -> str:
    """Markdown without words that are wider than a page of Prefect's UIs.

    The newer one lets them run over what is beside the text, the older one cuts them off. Here
    their end stays, and the whole word is in a block after the paragraph or list: both UIs scroll
    those. Tables and links are left as they are.
    """
    return "\n".join(_lines(markdown.rstrip("\n"))) + "\n"


def _lines(markdown: str) -> Iterator[str]:
    fenced, long = False, list[str]()
    for line in markdown.split("\n"):
        if line.startswith(FENCE):
            fenced = not fenced
        elif not fenced and not line.startswith("|"):
            if not line.strip():
                yield from _block(long)
            pieces = re.split(r"(\s+)", line)
            line = "".join(_cut(one, long) for one in pieces)
        yield line
    yield from _block(long)


def _block(long: list[str]) -> Iterator[str]:
    if long:
        yield from ("", f"{FENCE}text", *dict.fromkeys(long), FENCE)
        long.clear()


def _cut(word: str, long: list[str]) -> str:
    if "](" in word or not _is_wide(text := _plain(word)):
        return word
    long.append(text.rstrip(".,;:"))
    end = text
    while width(end) > ROOM - 2:
        end = end[1:]
    return code(f"…{end}") if word.startswith("`") else escape(f"…{end}")


def _is_wide(text: str) -> bool:
    """Whether a line cannot be broken within: browsers do after hyphens, and between letters of
    scripts that have no spaces."""
    if any(unicodedata.category(one) == "Lo" for one in text):
        return False
    return max(map(width, text.split("-"))) > ROOM


def _plain(word: str) -> str:
    """A word as it was before it was escaped."""
    text = re.sub(r"\\([\\`*_\[\]|])", r"\1", word.strip("`"))
    return text.replace("&lt;", "<").replace("&gt;", ">")
