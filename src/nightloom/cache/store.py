"""The artifact store: publishes atomically, verifies every hit, quarantines broken artifacts.

An artifact is a folder `artifacts/<stage>/<key>/` with its files, `key.json` (the parts of the
key) and `manifest.json` (size and SHA-256 of each file, facts, times). It is written in a folder
of its own, synced, and published by one rename, the manifest inside: it is there whole or not.
"""

import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.cache.canonical import canonical_json, digest_of, digest_of_file
from nightloom.cache.locks import FileLocks
from nightloom.errors import RunError
from nightloom.home import Home

MANIFEST = "manifest.json"
KEY = "key.json"
SMALL = 64 * 1024
"""Files up to this many bytes are hashed on every hit; larger ones when their stat changed."""


@dataclass(frozen=True)
class Found:
    """The answer to a look-up: a verified artifact, or why there is none."""

    artifact: Artifact | None
    damage: str = ""
    """What was wrong with the artifact, which is now in quarantine."""


class Damaged(Exception):
    """An artifact does not match its manifest."""


class ArtifactStore:
    """All artifacts of one home."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def path(self, stage: str, key: str) -> Path:
        """Folder of an artifact, whether or not it exists."""
        return self.home.artifacts / stage / key

    def files(self, artifact: Artifact) -> ArtifactFiles:
        """The artifact with its folder."""
        return ArtifactFiles(artifact, self.path(artifact.stage, artifact.key))

    def find(self, stage: str, key: str) -> Found:
        """Look an artifact up and verify it; a broken one goes to quarantine."""
        path = self.path(stage, key)
        if not path.exists():
            return Found(None)
        try:
            artifact = self.verify(path)
            if (artifact.stage, artifact.key) != (stage, key):
                raise Damaged(f"{MANIFEST} belongs to {artifact.stage} {artifact.key[:8]}")
        except (Damaged, OSError) as error:
            if not path.exists():  # another process has moved it meanwhile
                return Found(None)
            self.put_aside(path)
            return Found(None, f"artifact damaged: {error} (moved to quarantine)")
        with contextlib.suppress(OSError):
            os.utime(path / MANIFEST)  # when it was last used, for `cache gc`
        self._tidy(stage, key)
        return Found(artifact)

    def _tidy(self, stage: str, key: str) -> None:
        """Remove what a builder left if it was killed right after publishing."""
        locks = FileLocks(self.home.locks)
        with contextlib.suppress(OSError, RunError):
            if locks.path(key).exists() and locks.acquire(key, "tidy", timeout=0):
                self._remove_leftovers(stage, key)
                shutil.rmtree(self.home.checkpoints / building_name(stage, key), ignore_errors=True)
                locks.release(key, "tidy")

    def _remove_leftovers(self, stage: str, key: str) -> None:
        """Remove the folders of dead builders; the caller holds the key's lock."""
        for left in self.home.building.glob(f"{building_name(stage, key)}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def verify(self, path: Path, *, full: bool = False) -> Artifact:
        """Check an artifact's files against its manifest.

        Small files are always hashed; large ones if their size, times or inode differ from those
        recorded at publication, or with `full`.

        Raises:
            Damaged: A file is missing, altered or not in the manifest.
        """
        manifest = read_manifest(path)
        there = {str(file.relative_to(path)) for file in _files_below(path)} - {MANIFEST}
        for extra in sorted(there - manifest["files"].keys()):
            raise Damaged(f"{extra} is not in its manifest")
        for name, recorded in manifest["files"].items():
            file = path / name
            if name not in there:
                raise Damaged(f"{name} is missing")
            stat = file.stat(follow_symlinks=False)
            if stat.st_size != recorded["size"]:
                raise Damaged(f"{name} has {stat.st_size} bytes, expected {recorded['size']}")
            if full or stat.st_size <= SMALL or _stamp(stat) != recorded["stamp"]:
                try:
                    digest = digest_of_file(file)
                except OSError as error:
                    raise Damaged(f"{name} cannot be read ({error.strerror})") from error
                if digest != recorded["sha256"]:
                    raise Damaged(f"{name} was altered")
        return Artifact.from_json(manifest["artifact"])

    def parts(self, stage: str, key: str) -> dict[str, Any] | None:
        """The parts of an artifact's key, or None if unreadable."""
        try:
            parts: dict[str, Any] = json.loads((self.path(stage, key) / KEY).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return parts

    def keys(self, stage: str) -> list[str]:
        """Keys of a stage's published artifacts, most recently used first."""
        times = []
        for path in self._folders(stage):
            with contextlib.suppress(OSError):
                times.append(((path / MANIFEST).stat().st_mtime, path.name))
        return [name for _, name in sorted(times, reverse=True)]

    def stages(self) -> list[str]:
        """Stages that have artifacts."""
        if not self.home.artifacts.is_dir():
            return []
        return sorted(p.name for p in self.home.artifacts.iterdir() if not p.name.startswith("."))

    def _folders(self, stage: str) -> list[Path]:
        folder = self.home.artifacts / stage
        return [p for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []

    @contextlib.contextmanager
    def building(self, stage: str, key: str) -> Iterator[Path]:
        """An empty folder to build in; removed if not published.

        Its parent is also this build's own, for what must not become part of the artifact. The
        caller holds the key's lock, so anything left by other builders of the key is dead.
        """
        self._remove_leftovers(stage, key)
        name = f"{building_name(stage, key)}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        around = self.home.building / name
        path = around / "out"
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(around, ignore_errors=True)

    def publish(
        self,
        folder: Path,
        *,
        stage: str,
        key: str,
        parts: dict[str, Any],
        facts: dict[str, Any],
        volatile: frozenset[str],
        seconds: float,
    ) -> Artifact:
        """Seal the files in `folder` and publish them.

        `volatile` names files that differ between equal builds (timings): they are verified like
        the others but left out of the content digest, like the fact of the same name.
        """
        (folder / KEY).write_text(canonical_json(parts) + "\n", "utf-8")
        files: dict[str, dict[str, Any]] = {}
        content: dict[str, str] = {}
        for file in sorted(_files_below(folder)):
            name = str(file.relative_to(folder))
            _sync(file)
            stat = file.stat(follow_symlinks=False)
            digest = digest_of_file(file)
            files[name] = {"size": stat.st_size, "sha256": digest, "stamp": _stamp(stat)}
            if name not in volatile and name != KEY:
                content[name] = digest
        steady = {name: value for name, value in facts.items() if name not in volatile}
        artifact = Artifact(
            stage=stage,
            key=key,
            digest=digest_of({"files": content, "facts": steady}),
            facts=facts,
            seconds=round(seconds, 3),
            built_at=round(time.time(), 3),
        )
        write_manifest(folder, {"artifact": artifact.to_json(), "files": files})
        for directory in [*(p for p in folder.rglob("*") if p.is_dir()), folder]:
            _sync(directory)
        target = self.path(stage, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            aside = self.home.building / f"replaced-{uuid.uuid4().hex[:8]}"
            target.rename(aside)
            folder.rename(target)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            folder.rename(target)
        _sync(target.parent)
        return artifact

    def put_aside(self, path: Path) -> Path:
        """Move something broken to quarantine, where nothing reads it."""
        self.home.quarantine.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S")
        name = f"{path.parent.name}-{path.name[:12]}-{stamp}-{uuid.uuid4().hex[:6]}"
        target = self.home.quarantine / name
        try:
            path.rename(target)
        except PermissionError:  # a read-only folder cannot be moved either
            path.chmod(0o700)
            path.rename(target)
        return target


def building_name(stage: str, key: str) -> str:
    """Prefix of the folders in which a stage's artifact is built."""
    return f"{stage}-{key[:24]}"


def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check a manifest.

    Raises:
        Damaged: It is missing, not JSON, or not what was written.
    """
    try:
        text = (path / MANIFEST).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Damaged(f"{MANIFEST} cannot be read ({error})") from error
    try:
        sealed = json.loads(text)
        body: dict[str, Any] = sealed["body"]
        if sealed["sha256"] != digest_of(body):
            raise Damaged(f"{MANIFEST} was altered")
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{MANIFEST} was altered") from error
    return body


def write_manifest(path: Path, body: dict[str, Any]) -> None:
    """Write a manifest, sealed with its own SHA-256, and sync it.

    Facts keep the order in which their builder gave them, so that reports of a later run have it
    too; no digest depends on it.
    """
    sealed = {"body": body, "sha256": digest_of(body)}
    with (path / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump(sealed, file, indent=1, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())


def _files_below(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names)


def _stamp(stat: os.stat_result) -> list[int]:
    """What the file system changes when a file is written to or replaced."""
    return [stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
