"""Links within the docs lead to files and headings that exist; the site of them is built."""

import os
import re
import subprocess
import sys
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


def test_the_site_is_built_and_has_what_is_made_of_the_code(tmp_path: Path) -> None:
    for needed in ("material", "mkdocs", "mkdocstrings"):
        pytest.importorskip(needed, reason="the extra `docs` is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reference = tmp_path / "reference"
    commands = (reference / "commands.html").read_text("utf-8")
    assert "nightloom cache verify" in commands and "--refresh STAGE" in commands
    settings = (reference / "settings.html").read_text("utf-8")
    for name in ("classify-bert", "nightly", "deploy", "train.epochs", "nightly.cron"):
        assert name in settings, name
    assert "load_model" in (reference / "python.html").read_text("utf-8")
