"""How a version was made, in so much detail that it can be made again and compared.

A file of the version's run in MLflow, written when it was registered; a tag of the version says
that it is there. Versions from before have neither.
"""

import json
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.cache.artifact import ArtifactFiles
from nightloom.cache.store import KEY, MANIFEST, read_manifest
from nightloom.registry.versions import Version

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILE = "lineage.json"
LINEAGE_TAG = "nightloom.lineage"
"""The format of a version's file."""
FORMAT = "1"


@dataclass(frozen=True, kw_only=True)
class Made:
    """An artifact that a version was made of."""

    key: str
    digest: str
    seconds: float
    """What building it took."""
    parts: Mapping[str, Any]
    """What its key was made of: settings, inputs, code, libraries, data."""
    files: Mapping[str, Mapping[str, Any]]
    """`size` and `sha256` of each of its files, by name."""

    @classmethod
    def of(cls, given: ArtifactFiles) -> "Made":
        """Of an artifact that was built or found.

        Raises Damaged or OSError where it is not whole.
        """
        files = {
            name: {"size": one["size"], "sha256": one["sha256"]}
            for name, one in read_manifest(given.path)["files"].items()
            if name not in (KEY, MANIFEST)
        }
        return cls(
            key=given.artifact.key,
            digest=given.artifact.digest,
            seconds=given.artifact.seconds,
            parts=json.loads((given.path / KEY).read_text("utf-8")),
            files=files,
        )


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Settings, stages and machine that a version came from."""

    flow: str
    settings: Mapping[str, Any]
    """All of them, as plain JSON; paths are absolute."""
    stages: Mapping[str, Made]
    """In the order in which they were built."""
    processor: str
    gpu: str | None = None
    """What `train.devices=auto` meant; None: the CPU."""
    export: Mapping[str, Any] = field(default_factory=dict)
    """`code` and `libraries` that wrote the served files, as in the parts of a key."""

    def write(self, folder: Path) -> Path:
        """Write the file into a folder."""
        path = folder / FILE
        text = json.dumps(asdict(self), ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> "Lineage":
        """Raises ValueError, KeyError or TypeError for a file that was altered."""
        told = json.loads(path.read_text("utf-8"))
        stages = {name: Made(**one) for name, one in told.pop("stages").items()}
        return cls(stages=stages, **told)


def lineage_of(client: "MlflowClient", version: Version) -> Lineage | None:
    """What is kept of how a version was made; None where nothing was, or it is lost or altered."""
    from mlflow.exceptions import MlflowException

    if LINEAGE_TAG not in version.tags or not version.run_id:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            return Lineage.read(Path(client.download_artifacts(version.run_id, FILE, folder)))
        except (MlflowException, OSError, ValueError, KeyError, TypeError):
            return None


def processor() -> str:
    """The model of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
