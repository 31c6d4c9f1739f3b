"""The stage cache as Prefect sees it: policy, result serializer, lock manager.

Keys are computed by the library before a task is called: Prefect swallows errors in a policy and
would carry on without a cache. Result records are derived from the artifact store and never
trusted: a record exists for Prefect exactly as long as its artifact verifies.
"""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from prefect import __version__ as prefect_version
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.results import ResultRecord, ResultRecordMetadata
from prefect.serializers import Serializer
from prefect.transactions import IsolationLevel

from nightloom.cache.artifact import Artifact
from nightloom.cache.locks import FileLocks
from nightloom.cache.store import ArtifactStore
from nightloom.home import Home


@dataclass
class StageCachePolicy(CachePolicy):
    """The key that the library computed; this cannot fail."""

    key: str = ""

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str:
        """The stage key."""
        return self.key


class ArtifactSerializer(Serializer):
    """References as JSON; reading one verifies the artifact, so a broken one is a miss."""

    type: Literal["nightloom-artifact"] = "nightloom-artifact"

    def dumps(self, obj: Any) -> bytes:
        """Write a reference; of an exception, only its message."""
        if isinstance(obj, Artifact):
            return json.dumps(obj.to_json(), sort_keys=True).encode()
        return json.dumps({"error": f"{type(obj).__name__}: {obj}"}).encode()

    def loads(self, blob: bytes) -> Artifact:
        """Read a reference.

        Raises:
            ValueError: The artifact is gone or damaged.
        """
        value = json.loads(blob)
        if "error" in value:
            raise ValueError(value["error"])
        reference = Artifact.from_json(value)
        artifact = ArtifactStore(Home.current()).find(reference.stage, reference.key).artifact
        if artifact != reference:
            raise ValueError(f"{reference.stage} {reference.key} is not in the artifact store")
        return artifact


class FlockManager:
    """Prefect's lock manager over `FileLocks`: locks die with their holder."""

    def __init__(self, locks: FileLocks, waiting: Any) -> None:
        self._locks = locks
        self._waiting = waiting

    def acquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """Take the lock; `hold_timeout` is ignored, the kernel frees a dead holder's locks."""
        return self._locks.acquire(key, holder, timeout=acquire_timeout, waiting=self._waiting)

    async def aacquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """As `acquire_lock`, in a thread."""
        return await asyncio.to_thread(self.acquire_lock, key, holder, acquire_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        """Release the lock."""
        self._locks.release(key, holder)

    def is_locked(self, key: str) -> bool:
        """Whether anyone holds the lock."""
        return self._locks.is_locked(key)

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder holds the lock."""
        return self._locks.is_holder(key, holder)

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock is free."""
        holder = f"waiting-{uuid4().hex}"
        if not self._locks.acquire(key, holder, timeout=timeout, waiting=self._waiting):
            return False
        self._locks.release(key, holder)
        return True

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """As `wait_for_lock`, in a thread."""
        return await asyncio.to_thread(self.wait_for_lock, key, timeout)

    def __deepcopy__(self, memo: dict[int, Any]) -> "FlockManager":
        return self  # Prefect copies policies; a lock has one owner

    def __reduce__(self) -> tuple[Any, ...]:
        return _elsewhere, (self._locks.folder, self._waiting)  # locks held here are not passed on


def _elsewhere(folder: Path, waiting: Any) -> FlockManager:
    """The same locks in another process, which holds none yet."""
    return FlockManager(FileLocks(folder), waiting)


def policy(key: str, locks: FileLocks, waiting: Any) -> StageCachePolicy:
    """The cache policy for a stage of a run; `waiting` is called while another run builds it."""
    return StageCachePolicy(
        key=key,
        isolation_level=IsolationLevel.SERIALIZABLE,
        lock_manager=FlockManager(locks, waiting),
    )


def mirror(folder: Path, key: str, artifact: Artifact | None) -> None:
    """Make Prefect's record of a stage match the artifact store.

    Any other content (truncated, from another run, or planted with a serializer that runs code) is
    replaced unread, or removed if there is no artifact.
    """
    path = folder / key
    if artifact is None:
        path.unlink(missing_ok=True)
        return
    record: ResultRecord[Artifact] = ResultRecord(
        result=artifact,
        metadata=ResultRecordMetadata(
            storage_key=str(path), serializer=ArtifactSerializer(), prefect_version=prefect_version
        ),
    )
    content = record.serialize()
    try:
        if path.read_bytes() == content:
            return
    except OSError:
        pass
    temporary = folder / f".{key}-{uuid4().hex[:8]}"
    temporary.write_bytes(content)
    os.replace(temporary, path)
