"""The identity of a pretrained model for cache keys, without loading it."""

from pathlib import Path
from typing import Any

from nightloom.cache.canonical import digest_of_file
from nightloom.encoders.hugging_face_hub import REPOSITORY
from nightloom.encoders.minilm import MINILM, SHA256
from nightloom.errors import InputError


def checkpoint_identity(source: str, revision: str | None) -> dict[str, Any]:
    """JSON that changes when the content of the checkpoint `source` does.

    A directory is identified by its files, wherever it is; a Hugging Face id by name and revision
    (a moving one, or none, as given).

    Raises:
        InputError: The directory has no files, or an unreadable one, or is not there; a revision of
            something without revisions.
    """
    if source == MINILM:
        refuse_revision(source, revision)
        return {"kind": "wheel", "sha256": SHA256}
    directory = Path(source).expanduser()
    if directory.is_dir():
        refuse_revision(source, revision)
        return {"kind": "directory", "files": files_of(directory)}
    is_handle = source.startswith(("http://", "https://"))
    if not is_handle and not directory.exists() and not REPOSITORY.fullmatch(source):
        raise InputError(
            f"there is no directory {source}; give a checkpoint's or a SavedModel's directory, a "
            f"Hugging Face id (owner/name), {MINILM}, or of TF Hub a https:// handle"
        )
    return {"kind": "hub", "name": source, "revision": revision}


def refuse_revision(source: str, revision: str | None) -> None:
    """Refuse a revision of a checkpoint that is not a Hugging Face id."""
    if revision is not None:
        raise InputError(
            f"model.revision={revision} is only for Hugging Face ids, got "
            f"model.checkpoint={source}; leave out model.revision"
        )


def files_of(directory: Path) -> dict[str, str]:
    """SHA-256 of every file below a directory, by relative path, except hidden ones.

    Raises:
        InputError: There are none, or one cannot be read.
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
