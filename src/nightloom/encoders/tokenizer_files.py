"""The tokenizer of a checkpoint, in a form that every reader interprets alike.

transformers' AutoTokenizer rebuilds many tokenizers from their vocabulary and the checkpoint's
settings, so its behaviour can differ from tokenizer.json. Its result is written here, so that
`tokenizers.Tokenizer.from_file` and AutoTokenizer return the same ids.
"""

import json
from pathlib import Path
from typing import Any

from nightloom.encoders.casing import settle_case
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
"""The files that a fast tokenizer is loaded from; a checkpoint has some of them."""

_VOCABULARIES = {
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
}


def write_tokenizer(
    source: Path,
    directory: Path,
    *,
    max_length: int,
    types: bool,
    lowercase: bool | None = None,
    report: Report = SILENT,
) -> int:
    """Write the fast tokenizer of the checkpoint `source` to `directory` (may be the same).

    Writes tokenizer.json and tokenizer_config.json, and removes other tokenizer files there. The
    length limit is at most `max_length`; with `types`, token type ids are passed to the model.
    `lowercase`: whether texts are lower-cased; None: determined by `casing`.
    Returns one more than the largest id. Raises InputError if there is no tokenizer, or none
    that can be loaded.
    """
    fast = settle_case(
        _load(source),
        source,
        lowercase=lowercase,
        reload=lambda **options: _load(source, **options),
        report=report,
    )
    settings = {
        **fast.special_tokens_map,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": min(int(fast.model_max_length), max_length),
        "model_input_names": ["input_ids", *["token_type_ids"] * types, "attention_mask"],
        "padding_side": fast.padding_side,
        "truncation_side": fast.truncation_side,
        "clean_up_tokenization_spaces": False,
    }
    for name in TOKENIZER_FILES:
        (directory / name).unlink(missing_ok=True)
    fast.backend_tokenizer.no_truncation()
    fast.backend_tokenizer.no_padding()
    fast.backend_tokenizer.save(str(directory / "tokenizer.json"))
    write_json(directory / "tokenizer_config.json", settings)
    return 1 + max(fast.backend_tokenizer.get_vocab().values(), default=-1)


def _load(source: Path, **options: Any) -> Any:
    present = [name for name in TOKENIZER_FILES if (source / name).is_file()]
    if not _VOCABULARIES & set(present):
        raise InputError(
            f"{source}: the tokenizer is missing; expected tokenizer.json, or a vocabulary to make "
            "it from (vocab.txt, vocab.json with merges.txt, spiece.model)"
        )
    from transformers import AutoTokenizer

    try:
        fast = AutoTokenizer.from_pretrained(
            str(source), local_files_only=True, trust_remote_code=False, **options
        )
        fast.backend_tokenizer.to_str()
    except Exception as error:
        reason = " ".join((str(error).strip().splitlines() or [""])[0].split())
        raise InputError(
            f"{source}: the tokenizer cannot be loaded from {', '.join(present)} "
            f"({type(error).__name__}: {reason}); fetch the checkpoint again"
        ) from None
    return fast


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` as JSON with sorted keys, the same bytes for equal values."""
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
