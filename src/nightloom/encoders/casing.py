"""Whether a tokenizer keeps case: by the checkpoint's files, else by its vocabulary.

transformers lower-cases texts for BERT-like vocabularies unless tokenizer_config.json forbids it,
whatever tokenizer.json says. A cased model's vocabulary then has pieces that no text can produce.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.errors import InputError
from nightloom.progress import SILENT, Report

_SPECIAL = re.compile(r"[\[<].*[\]>]")
_SURELY = 0.05
"""Share of the pieces with letters above which capitals, or accents, are deliberate."""


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """Counts of pieces with cased letters: all, with capitals, with accents."""

    letters: int
    capitals: int
    accents: int

    @classmethod
    def of(cls, fast: Any) -> "_Vocabulary":
        letters = capitals = accents = 0
        for piece in fast.get_vocab():
            if _SPECIAL.fullmatch(piece) or piece.lower() == piece.upper():
                continue
            letters += 1
            capitals += piece.lower() != piece
            accents += any(map(unicodedata.combining, unicodedata.normalize("NFD", piece.lower())))
        return cls(letters, capitals, accents)

    def surely(self, count: int) -> bool:
        return count > 0 and count >= _SURELY * self.letters


def settle_case(
    fast: Any,
    source: Path,
    *,
    lowercase: bool | None,
    reload: Callable[..., Any],
    report: Report = SILENT,
) -> Any:
    """The tokenizer `fast` of the checkpoint `source`, with the right treatment of case.

    `lowercase` decides if given; else the checkpoint's files, else its vocabulary. A decision by
    the vocabulary, or against it, is reported. `reload(**options)` loads the tokenizer again.
    Raises InputError if `lowercase` is given and the tokenizer does not support it.
    """
    lowers = _lowers(fast)
    if lowercase is not None:
        found = _with(fast, lowercase, reload)
        if _lowers(found) != lowercase:
            raise InputError(
                f"{source}: model.lowercase={str(lowercase).lower()} is not possible: its "
                f"tokenizer ({type(fast).__name__}) has no such option; leave the setting out"
            )
        return found
    stated = _stated(source, lowers)
    if stated is not None:
        if lowers != stated:
            fast, lowers = _with(fast, stated, reload), stated
        _doubt(_Vocabulary.of(fast), source, lowers, report)
        return fast
    if not lowers:
        return fast
    vocabulary = _Vocabulary.of(fast)
    counted = f"{vocabulary.capitals} of {vocabulary.letters} pieces with letters have capitals"
    if vocabulary.surely(vocabulary.capitals):
        fast = _with(fast, False, reload)
        if not _lowers(fast):
            report.log(
                f"{source}: no tokenizer_config.json says whether texts are lower-cased; "
                f"{counted}, so they keep them (model.lowercase=true lower-cases)"
            )
            return fast
    if vocabulary.capitals:
        report.warn(
            f"{source}: texts are lower-cased, although {counted}, which no text can then match; "
            "model.lowercase=false keeps capitals"
        )
    if vocabulary.surely(vocabulary.accents) and _keep_accents(fast):
        report.log(
            f"{source}: no tokenizer_config.json says whether accents are stripped; "
            f"{vocabulary.accents} of {vocabulary.letters} pieces with letters have some, so texts "
            "keep them"
        )
    return fast


def _lowers(fast: Any) -> bool:
    normalizer = fast.backend_tokenizer.normalizer
    return normalizer is not None and "a" in normalizer.normalize_str("A")


def _stated(source: Path, lowers: bool) -> bool | None:
    """Whether texts are lower-cased according to the checkpoint's files; None if they do not say.

    transformers has already followed tokenizer_config.json (`lowers`).
    """
    try:
        settings = json.loads((source / "tokenizer_config.json").read_text("utf-8"))
        if isinstance(settings.get("do_lower_case"), bool):
            return lowers
    except (OSError, ValueError, AttributeError):
        pass
    if not (source / "tokenizer.json").is_file():
        return None
    from tokenizers import Tokenizer

    normalizer = Tokenizer.from_file(str(source / "tokenizer.json")).normalizer
    return normalizer is not None and "a" in normalizer.normalize_str("A")


def _doubt(vocabulary: _Vocabulary, source: Path, lowers: bool, report: Report) -> None:
    """Warn if the vocabulary contradicts the files."""
    if lowers and vocabulary.surely(vocabulary.capitals):
        report.warn(
            f"{source}: its tokenizer lower-cases texts as its files say, but "
            f"{vocabulary.capitals} of {vocabulary.letters} pieces with letters have capitals and "
            "never match; model.lowercase=false keeps capitals"
        )
    if not lowers and vocabulary.letters and not vocabulary.capitals:
        report.warn(
            f"{source}: its tokenizer keeps capitals as its files say, but none of its "
            f"{vocabulary.letters} pieces with letters has one; model.lowercase=true lower-cases"
        )


def _with(fast: Any, lowercase: bool, reload: Callable[..., Any]) -> Any:
    """The tokenizer with lower-casing switched, if it supports that; else unchanged."""
    from tokenizers.normalizers import BertNormalizer

    if _lowers(fast) == lowercase:
        return fast
    normalizer = fast.backend_tokenizer.normalizer
    if isinstance(normalizer, BertNormalizer):
        normalizer.lowercase = lowercase
        fast.backend_tokenizer.normalizer = normalizer
        return fast
    found = reload(do_lower_case=lowercase)
    return found if _lowers(found) == lowercase else fast


def _keep_accents(fast: Any) -> bool:
    from tokenizers.normalizers import BertNormalizer

    normalizer = fast.backend_tokenizer.normalizer
    if not isinstance(normalizer, BertNormalizer) or normalizer.strip_accents is False:
        return False
    normalizer.strip_accents = False
    fast.backend_tokenizer.normalizer = normalizer
    return True
