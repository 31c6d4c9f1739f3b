"""Capitals: what a checkpoint's files say, else what its vocabulary shows, is what texts get."""

import json
import string
from pathlib import Path
from typing import Any

import pytest
import transformers

from nightloom.encoders.checkpoints import fetch_checkpoint
from nightloom.errors import InputError
from tests.encoders.tiny import save_checkpoint

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CASED = ["US", "Oslo", "us", "sails", *string.ascii_letters]
UNCASED = ["us", "oslo", "sails", *string.ascii_lowercase]
ACCENTS = [*UNCASED, *"äöüßéèñ", "müde", "schön"]


class Lines:
    """A report that keeps its lines."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.warned: list[str] = []

    def progress(self, **facts: Any) -> None:
        """Nothing."""

    def log(self, message: str) -> None:
        self.logged.append(message)

    def warn(self, message: str) -> None:
        self.warned.append(message)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("casing") / "source"
    save_checkpoint(folder, "bert", vocab_size=150)
    return folder


def pieces_of(
    checkpoint: Path, pieces: list[str], text: str, files: str, out: Path, **options: Any
) -> tuple[list[str], Lines]:
    """Pieces of a text, and what was said; `files` are those that the tokenizer is given by."""
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (checkpoint / name).unlink(missing_ok=True)
    vocabulary = [*SPECIAL, *pieces, *(f"##{piece}" for piece in pieces if len(piece) == 1)]
    kept, _, lowers = files.partition(" ")
    if "vocab" in kept:
        (checkpoint / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    else:
        made = transformers.BertTokenizer(
            vocab={piece: i for i, piece in enumerate(vocabulary)}, do_lower_case=lowers == "lower"
        )
        made.save_pretrained(checkpoint)
        if "config" not in kept:
            (checkpoint / "tokenizer_config.json").unlink()
    if "vocab+config" in kept:
        stated = {"do_lower_case": lowers == "lower", "tokenizer_class": "BertTokenizer"}
        (checkpoint / "tokenizer_config.json").write_text(json.dumps(stated))
    report = Lines()
    fetch_checkpoint(str(checkpoint), out=out, report=report, **options)
    return transformers.AutoTokenizer.from_pretrained(out).tokenize(text), report


@pytest.mark.parametrize(
    ("pieces", "files", "expected", "logged", "warned"),
    [
        (CASED, "vocab", ["US", "Oslo"], "so they keep them (model.lowercase=true", ""),
        (UNCASED, "vocab", ["us", "oslo"], "", ""),
        (CASED, "json cased", ["US", "Oslo"], "", ""),
        (CASED, "json+config cased", ["US", "Oslo"], "", ""),
        (CASED, "vocab+config cased", ["US", "Oslo"], "", ""),
        (CASED, "vocab+config lower", ["us", "o"], "", "never match; model.lowercase=false"),
        (CASED, "json lower", ["us", "o"], "", "never match; model.lowercase=false"),
        (UNCASED, "json cased", ["[UNK]", "[UNK]"], "", "has one; model.lowercase=true"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}",
)
def test_files_or_vocabulary_decide(
    pieces: list[str],
    files: str,
    expected: list[str],
    logged: str,
    warned: str,
    checkpoint: Path,
    tmp_path: Path,
) -> None:
    found, report = pieces_of(checkpoint, pieces, "US Oslo", files, tmp_path / "out")
    assert found[: len(expected)] == expected
    for words, lines in ((logged, report.logged), (warned, report.warned)):
        said = [line for line in lines if "lowercase" in line]
        assert len(said) == bool(words)
        assert all(words in line and line.startswith(str(checkpoint)) for line in said)


def test_a_few_capitals_are_warned_of(checkpoint: Path, tmp_path: Path) -> None:
    pieces = ["US", *(a + b for a in string.ascii_lowercase for b in "ab")]
    found, report = pieces_of(checkpoint, pieces, "US", "vocab", tmp_path / "out")
    assert found == ["[UNK]"]
    assert "1 of 53 pieces with letters have capitals" in report.warned[0]


@pytest.mark.parametrize("files", ["vocab", "json cased", "json+config lower"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_the_setting_wins(lowercase: bool, files: str, checkpoint: Path, tmp_path: Path) -> None:
    found, report = pieces_of(checkpoint, CASED, "US", files, tmp_path / "out", lowercase=lowercase)
    assert found == (["us"] if lowercase else ["US"])
    assert report.warned == []


def test_accents_are_kept_where_the_vocabulary_has_them(checkpoint: Path, tmp_path: Path) -> None:
    found, report = pieces_of(checkpoint, ACCENTS, "Schön müde", "vocab", tmp_path / "one")
    assert found == ["schön", "müde"]
    assert "so texts keep them" in report.logged[0]
    assert pieces_of(checkpoint, UNCASED, "É", "vocab", tmp_path / "two")[0] == ["e"]


def test_a_tokenizer_without_the_choice_refuses_the_setting(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "source", "roberta")
    with pytest.raises(InputError, match=r"model\.lowercase=true is not possible.*leave"):
        fetch_checkpoint(str(tmp_path / "source"), out=tmp_path / "out", lowercase=True)
    fetch_checkpoint(str(tmp_path / "source"), out=tmp_path / "same", lowercase=False)


def test_albert_has_the_choice(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "source", "albert")
    for lowercase in (True, False):
        out = tmp_path / str(lowercase)
        fetch_checkpoint(str(tmp_path / "source"), out=out, lowercase=lowercase)
        pieces = transformers.AutoTokenizer.from_pretrained(out).tokenize("THE")
        assert ("▁the" in pieces) == lowercase
