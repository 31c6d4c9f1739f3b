"""What identifies a pretrained model for a cache key, found out without loading it."""

from pathlib import Path
from typing import Any

from nightloom.cache.canonical import digest_of_file
from nightloom.encoders.minilm import MINILM, SHA256
from nightloom.errors import InputError


def checkpoint_identity(source: str, revision: str | None) -> dict[str, Any]:
    """JSON that changes when the content of the checkpoint `source` does.

    A directory counts by its files, wherever it lies; a Hugging Face id by name and revision (of
    a moving one, such as none given, only what was asked for).

    Raises:
        InputError: The directory has no file, or one that cannot be read; a revision of something
            that has none.
    """
    if source == MINILM:
        refuse_revision(source, revision)
        return {"kind": "wheel", "sha256": SHA256}
    directory = Path(source).expanduser()
    if directory.is_dir():
        refuse_revision(source, revision)
        return {"kind": "directory", "files": files_of(directory)}
    return {"kind": "hub", "name": source, "revision": revision}


def refuse_revision(source: str, revision: str | None) -> None:
    """Refuse a revision of a checkpoint that is no Hugging Face id."""
    if revision is not None:
        raise InputError(
            f"model.revision={revision} is for Hugging Face ids alone, got "
            f"model.checkpoint={source}; leave out model.revision"
        )


def files_of(directory: Path) -> dict[str, str]:
    """SHA-256 of every file below a directory, by relative path; hidden ones are left out.

    Raises:
        InputError: There is none, or one cannot be read.
    """
    found = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            try:
                found[str(name)] = digest_of_file(path)
            except OSError as error:
                raise InputError(f"cannot read {path}: {error.strerror}") from error
    if not found:
        raise InputError(f"expected the files of a model in {directory}, which is empty")
    return found
