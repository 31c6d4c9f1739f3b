"""Links within the docs lead to files and headings that exist."""

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FOUND = (*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"))
PAGES = sorted(str(path.relative_to(REPOSITORY)) for path in FOUND)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def broken(page: Path) -> list[str]:
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        name, _, anchor = link.partition("#")
        if re.match("[a-z]+:", link):
            continue
        there = page.parent / name if name else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    assert broken(REPOSITORY / page) == []


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# One\n[x](a.md#one) [y](a.md#two) [z](b.md) [w](https://x.y)\n"
    )
    assert broken(tmp_path / "a.md") == ["a.md#two", "b.md"]
