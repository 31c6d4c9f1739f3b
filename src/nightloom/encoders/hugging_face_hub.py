"""Files of a checkpoint from the Hugging Face hub, a mirror of it (HF_ENDPOINT), or its cache."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from nightloom.downloads.growth import growth_shown
from nightloom.downloads.retrying import ATTEMPTS, Passing, retried
from nightloom.downloads.words import cleaned
from nightloom.encoders.tokenizer_files import TOKENIZER_FILES
from nightloom.errors import InputError, RunError
from nightloom.progress import SILENT, Report

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
"""What a Hugging Face id looks like."""

PATTERNS = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*.safetensors",
    *TOKENIZER_FILES,
)


def fetch_snapshot(
    repository: str,
    *,
    revision: str | None = None,
    patterns: Sequence[str] = PATTERNS,
    offline: bool = False,
    attempts: int = ATTEMPTS,
    report: Report = SILENT,
) -> tuple[Path, str]:
    """The cache folder with the files of `repository` that match `patterns`, and the commit.

    Transient failures are retried (`attempts` in total); every file is checked against the
    hub's checksum. Without a network, a complete cache is used.
    Raises InputError (not found, gated, not in the cache) or RunError (transfer failed).
    """
    what = f"{repository}@{revision}" if revision else repository
    report.log(f"fetching {what} {'from the cache' if offline else 'from the Hugging Face hub'}")
    try:
        return retried(
            lambda: _snapshot(repository, what, revision, patterns, offline, report),
            what=what,
            report=report,
            attempts=attempts,
        )
    except Passing as error:
        raise RunError(f"{what}: {error}; tried {attempts} times. {_ways_out()}") from None


def listed_files(repository: str, commit: str) -> list[str]:
    """Top-level files of a commit, as listed in the cache; empty without a list."""
    from huggingface_hub import errors, get_cached_repo_tree

    try:
        files = get_cached_repo_tree(repository, revision=commit)
    except errors.CachedRepoTreeNotFoundError:
        return []
    return [file.path for file in files if "/" not in file.path]


def _snapshot(
    repository: str,
    what: str,
    revision: str | None,
    patterns: Sequence[str],
    offline: bool,
    report: Report,
) -> tuple[Path, str]:
    from huggingface_hub import constants, errors, snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    cache = Path(constants.HF_HUB_CACHE)
    try:
        with growth_shown(cache, what=f"download {repository}", report=report):
            folder = snapshot_download(
                repository,
                revision=revision,
                allow_patterns=list(patterns),
                local_files_only=offline,
            )
    except errors.HFValidationError as error:
        raise InputError(f"checkpoint {what!r}: not a Hugging Face id ({_reason(error)})") from None
    except errors.GatedRepoError:
        raise InputError(
            f"{what}: access is restricted (gated); accept its terms on the hub and set HF_TOKEN"
        ) from None
    except errors.RevisionNotFoundError:
        raise InputError(f"{what}: the hub has no such revision; check model.revision") from None
    except errors.RepositoryNotFoundError as error:
        raise InputError(
            f"{what}: there is no such local directory, and the hub answers {_status(error)}: it "
            "has no such model, or it is private and HF_TOKEN is missing or not allowed; check the "
            "name"
        ) from None
    except errors.LocalEntryNotFoundError as error:
        raise _not_cached(what, error, offline) from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise InputError(
                f"{what}: the hub refuses access ({status}); set HF_TOKEN to a token that may "
                "read it"
            ) from None
        if status in (408, 425, 429) or status >= 500:
            raise Passing(f"the hub answers {status}") from None
        raise RunError(f"{what}: the hub answers {status}. {_ways_out()}") from None
    except Exception as error:
        if not isinstance(error, OSError) and not _is_transport(error):
            raise
        raise Passing(_reason(error)) from None
    path = Path(folder)
    broken = [file for file in sorted(path.rglob("*")) if file.is_file() and not _intact(file)]
    if broken:
        for file in broken:
            file.resolve().unlink()
            file.unlink()
        names = ", ".join(file.name for file in broken)
        raise Passing(f"{names}: the checksum differs from the hub's (removed from the cache)")
    return path, path.name


def _not_cached(what: str, error: Exception, offline: bool) -> Exception:
    cause = error.__cause__
    status = getattr(getattr(cause, "response", None), "status_code", 0)
    if status >= 500 or status == 429:
        return Passing(f"the hub answers {status}")
    why = "offline" if offline or cause is None else _reason(cause)
    return InputError(f"{what}: incomplete in the cache, and unavailable ({why}). {_ways_out()}")


def _is_transport(error: Exception) -> bool:
    """The hub's client bundles its own HTTP library; errors are recognised by base class name."""
    return any(base.__name__ == "HTTPError" for base in type(error).__mro__)


def _intact(file: Path) -> bool:
    """The cache stores files under their checksum: SHA-256, or git's SHA-1 for small ones.

    Some mirrors state the plain SHA-1.
    """
    checksum = file.resolve().name
    if not file.is_symlink() or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", checksum):
        return True
    if len(checksum) == 64:
        return _digest(file, "sha256") == checksum
    head = b"blob %d\0" % file.stat().st_size
    return checksum in (_digest(file, "sha1", head), _digest(file, "sha1"))


def _digest(file: Path, kind: str, head: bytes = b"") -> str:
    digest = hashlib.new(kind, head, usedforsecurity=False)
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _status(error: Exception) -> str:
    return str(getattr(getattr(error, "response", None), "status_code", "nothing"))


def _reason(error: BaseException) -> str:
    text = cleaned(str(error)).split(" This is usually due")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _ways_out() -> str:
    from huggingface_hub import constants

    return (
        f"Cache: {constants.HF_HUB_CACHE} (HF_HOME, HF_HUB_CACHE), hub: "
        f"{cleaned(constants.ENDPOINT)} (HF_ENDPOINT for a mirror); without network: fill the "
        "cache elsewhere and set HF_HUB_OFFLINE=1, or give model.checkpoint a local directory"
    )
