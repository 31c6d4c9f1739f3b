"""An archive of a SavedModel, checked before anything is unpacked."""

import posixpath
import tarfile
from typing import IO

from nightloom.errors import InputError

MAX_UNPACKED = 16 * 2**30
MAX_FILES = 10_000
_CHUNK = 2**20


def check_archive(spool: IO[bytes], source: str) -> None:
    """Scan a tar archive without unpacking it; `source` names it in errors.

    Raises:
        InputError: not a tar archive, truncated, entries that are links or devices, that lead out
            of the folder or occur twice, too large, or no SavedModel inside.
    """
    spool.seek(0)
    try:
        with tarfile.open(fileobj=spool, mode="r:*") as archive:
            names = _read_through(archive, source)
    except InputError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise InputError(f"{source}: expected a complete .tar.gz archive ({error})") from error
    except Exception as error:  # zlib.error, lzma.LZMAError and their like have no common base
        raise InputError(f"{source}: the archive is damaged ({error})") from error
    if "saved_model.pb" not in names:
        raise InputError(f"{source}: the archive contains no saved_model.pb at its top")


def _read_through(archive: tarfile.TarFile, source: str) -> set[str]:
    names: set[str] = set()
    size = 0
    for entry in archive:
        _check_entry(entry, source)
        name = posixpath.normpath(entry.name)
        size += entry.size
        if entry.isfile() and name in names:
            raise InputError(f"{source}: the archive contains {name!r} twice")
        names.add(name)
        if size > MAX_UNPACKED or len(names) > MAX_FILES:
            raise InputError(
                f"{source}: the archive unpacks to more than {MAX_UNPACKED} bytes or "
                f"{MAX_FILES} files"
            )
        content = archive.extractfile(entry) if entry.isfile() else None
        while content and content.read(_CHUNK):
            pass
    # The checksum of a compressed file comes last.
    assert archive.fileobj is not None
    while read := len(archive.fileobj.read(_CHUNK)):
        size += read
        if size > MAX_UNPACKED:
            raise InputError(f"{source}: the archive unpacks to more than {MAX_UNPACKED} bytes")
    return names


def _check_entry(entry: tarfile.TarInfo, source: str) -> None:
    if not (entry.isfile() or entry.isdir()):
        raise InputError(
            f"{source}: the archive contains {entry.name!r}, a link or device; refused"
        )
    name = entry.name.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or ":" in name.split("/")[0]:
        raise InputError(f"{source}: the archive's {entry.name!r} leads out of its folder; refused")
