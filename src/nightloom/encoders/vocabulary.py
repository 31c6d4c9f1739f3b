"""Whether a checkpoint's tokenizer has the pieces that it works with.

transformers makes up what a vocabulary lacks: special tokens become new pieces behind the others,
an empty file a tokenizer of five pieces. An encoder has learnt nothing for such ids.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from nightloom.encoders.tokenizer_files import TOKENIZER_FILES
from nightloom.errors import InputError

_PROBE = "A b, Ü 水 👍?"


def tokenizer_texts(directory: Path) -> dict[str, bytes]:
    """The tokenizer's files of a checkpoint directory, by name."""
    present = [name for name in TOKENIZER_FILES if (directory / name).is_file()]
    return {name: (directory / name).read_bytes() for name in present}


def check_tokenizer(directory: Path, given: Mapping[str, bytes]) -> None:
    """See that the tokenizer that `write_tokenizer` wrote to `directory` can serve an encoder.

    given: the files that it was made from, before that.

    Raises:
        InputError: it cannot encode a text, puts no token around one, or uses special tokens that
            none of the files has.
    """
    from tokenizers import Tokenizer

    names = ", ".join(given)
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    settings = json.loads((directory / "tokenizer_config.json").read_text("utf-8"))
    around = tokenizer.encode("").tokens
    if not around:
        raise InputError(
            f"{directory}: expected a tokenizer that puts special tokens around a text, as the "
            f"encoder was trained ([CLS] ... [SEP]); that of {names} puts none; add them to "
            "tokenizer.json (post_processor)"
        )
    for token in dict.fromkeys([*around, settings.get("unk_token")]):
        if token and not any(form in text for text in given.values() for form in _forms(token)):
            raise InputError(
                f"{directory}: the tokenizer needs the piece {token!r}, which none of {names} has; "
                "its files are damaged, or belong to another checkpoint"
            )
    try:
        tokenizer.encode(_PROBE)
    except Exception as error:  # the library raises nothing narrower
        raise InputError(
            f"{directory}: the tokenizer of {names} cannot encode a text ({error}); fetch the "
            "checkpoint again"
        ) from None


def _forms(token: str) -> tuple[bytes, bytes]:
    """A token as text, and as JSON may write it."""
    return token.encode(), json.dumps(token)[1:-1].encode()
