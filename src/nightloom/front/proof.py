"""`nightloom prove`: a version built again from its lineage, and compared byte by byte.

A proof is of bytes: where code or libraries changed and the bytes are equal all the same, the
version is proved, and what changed is said.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nightloom.accelerators import accelerator
from nightloom.cache.canonical import digest_of_file
from nightloom.cache.store import ArtifactStore
from nightloom.errors import InputError, NightloomError
from nightloom.evaluation.tables import PREDICTIONS
from nightloom.front.lineage_now import Changes, changes_since
from nightloom.front.rebuilding import home_below, rebuilt
from nightloom.home import Home
from nightloom.registry.aliases import read_version
from nightloom.registry.files import whole
from nightloom.registry.files.local import damage
from nightloom.registry.lineage import LINEAGE_TAG, Lineage, lineage_of
from nightloom.registry.store import local_path, open_client
from nightloom.registry.versions import Version
from nightloom.settings.flows import FlowSettings
from nightloom.tasks.runtime.observer import Observer

PROVED, DIFFERS, UNPROVABLE = "proved", "differs", "cannot be proved"
TRAIN, EVALUATE, WEIGHTS = "train", "evaluate", "weights.safetensors"
SERVED = ("variables/variables.", ".safetensors")
"""Parts of the names of served files that hold weights."""
UNTOUCHED: dict[str, dict[str, Any]] = {
    "check": {"refuse": False},  # whoever let the data in did so then
    # nobody is to be the champion there: no check of what serves
    "register": {"min_metric": 1.0, "examples": None},
}
"""Settings that nothing which is compared depends on."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What building a version again takes, by what it took then."""

    stages: list[str]
    seconds: float
    bytes: int

    def told(self) -> str:
        """In a clause."""
        from nightloom.cache.lookup import span

        return (
            f"builds {', '.join(self.stages)} and the export again, which took "
            f"{span(self.seconds)} and {size(self.bytes)} then"
        )


@dataclass(frozen=True, kw_only=True)
class Same:
    """Something of both versions that is compared."""

    what: str
    """`weights`, `predictions` or `served`."""
    file: str
    then: str
    """SHA-256."""
    now: str | None
    """SHA-256, None where there is no such file now."""

    @property
    def equal(self) -> bool:
        """Whether the bytes are the same."""
        return self.then == self.now


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What came out; `reasons` say why it is not `proved`."""

    name: str
    version: int
    verdict: str
    reasons: list[str] = field(default_factory=list)
    changed: Changes = field(default_factory=Changes)
    compared: list[Same] = field(default_factory=list)
    work: Work | None = None

    @property
    def proved(self) -> bool:
        """Whether everything that was compared is equal."""
        return self.verdict == PROVED

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        told = asdict(self)
        for row, one in zip(told["compared"], self.compared, strict=True):
            row["equal"] = one.equal
        return told


@dataclass(frozen=True, kw_only=True)
class Case:
    """A version that can be built again."""

    home: Home
    version: Version
    lineage: Lineage
    settings: FlowSettings
    changed: Changes
    work: Work

    def tried(self, folder: Path, observer: Observer) -> Proof:
        """Build it again in `folder`, and compare; nothing outside is written."""
        given = self.settings.model_dump(mode="json")
        for group, values in UNTOUCHED.items():
            given[group] = {**given[group], **values}
        is_gpu = self.lineage.gpu is not None
        try:
            report = rebuilt(self.lineage.flow, given, folder=folder, gpu=is_gpu, observer=observer)
        except NightloomError as error:
            return self._proof(UNPROVABLE, [f"building it again failed: {error}"])
        home = home_below(folder)
        keys = {entry["stage"]: entry["key"] for entry in report["stages"]}
        compared = [*self._made(home, keys), *self._served(home, report["model"], folder)]
        if all(one.equal for one in compared):
            return self._proof(PROVED, [], compared)
        apart = self._apart(report)
        if read := [stage for stage in apart if self._reads_as_then(stage)]:
            told = "is not what it was then, although its source does not say so"
            return self._proof(UNPROVABLE, [f"what {one} reads {told}" for one in read], compared)
        return self._proof(DIFFERS, self._why(apart), compared)

    def _proof(self, verdict: str, reasons: list[str], compared: list[Same] | None = None) -> Proof:
        return Proof(
            name=self.version.name,
            version=self.version.version,
            verdict=verdict,
            reasons=reasons,
            changed=self.changed,
            compared=compared or [],
            work=self.work,
        )

    def _made(self, home: Home, keys: Mapping[str, str]) -> Iterator[Same]:
        """Weights and predictions, as the stages wrote them."""
        store = ArtifactStore(home)
        for what, stage, name in (
            ("weights", TRAIN, WEIGHTS),
            ("predictions", EVALUATE, PREDICTIONS),
        ):
            then = self.lineage.stages[stage].files[name]["sha256"]
            path = store.path(stage, keys.get(stage, "")) / name
            now = digest_of_file(path) if path.is_file() else None
            yield Same(what=what, file=name, then=then, now=now)

    def _served(self, home: Home, model: Mapping[str, Any], folder: Path) -> Iterator[Same]:
        """The weights in the registered version's files, in each of its formats."""
        again = read_version(home.tracking_uri, model["name"], model["version"])
        now = _listed(home, again, folder / "now") if again else {}
        for name, one in _listed(self.home, self.version, folder / "then").items():
            if any(part in name for part in SERVED):
                there = now.get(name)
                sha = there["sha256"] if there else None
                yield Same(what="served", file=name, then=one["sha256"], now=sha)

    def _apart(self, report: Mapping[str, Any]) -> list[str]:
        """The stages whose artifact is another one now."""
        digests = {entry["stage"]: entry["digest"] for entry in report["stages"]}
        made = self.lineage.stages.items()
        return [stage for stage, one in made if digests.get(stage) != one.digest]

    def _reads_as_then(self, stage: str) -> bool:
        """Whether a stage reads from outside alone, by the code and libraries of then."""
        is_source = not self.lineage.stages[stage].parts["inputs"]
        return is_source and stage not in self.changed.code and not self.changed.libraries

    def _why(self, apart: list[str]) -> list[str]:
        found = list(self.changed.told())
        if not found:
            train = self.settings.train
            where = " on several devices" if len(train.devices) > 1 else ""
            where += "" if self.lineage.gpu is None else f" on {self.lineage.gpu}"
            found = [
                "code, libraries, settings, data and processor are those of then; it was trained "
                f"in {train.precision}{where}, and the same training did not give the same bytes"
            ]
        return [*found, *([f"the first stage that differs is {apart[0]}"] if apart else [])]


def opened(home: Home, version: Version, *, empty: Home) -> Case | Proof:
    """A version that can be built again, or why it cannot be proved.

    empty: the home in which it would be, where sources and hubs are asked what they have now.
    """

    def unprovable(*reasons: str, changed: Changes | None = None) -> Proof:
        return Proof(
            name=version.name,
            version=version.version,
            verdict=UNPROVABLE,
            reasons=list(reasons),
            changed=changed or Changes(),
        )

    client = open_client(home.tracking_uri)
    lineage = lineage_of(client, version)
    if lineage is None and LINEAGE_TAG in version.tags:
        return unprovable("what was kept of how it was made is lost or was altered")
    if lineage is None:
        return unprovable(
            "it was registered before it was kept how versions are made; the next run of its flow "
            "with its settings keeps it, where its stages are still in the cache"
        )
    damaged = damage(version, tracking_uri=home.tracking_uri, root=home.model_files, full=True)
    if damaged:
        return unprovable(f"its files are not whole: {whole.told(damaged)}")
    try:
        settings, changed = changes_since(lineage, empty)
    except NightloomError as error:
        return unprovable(f"it cannot be built by what is installed: {error}")
    if reasons := [*changed.data, *_not_repeatable(settings, lineage)]:
        return unprovable(*reasons, changed=changed)
    return Case(
        home=home,
        version=version,
        lineage=lineage,
        settings=settings,
        changed=changed,
        work=_work(lineage),
    )


def _not_repeatable(settings: FlowSettings, lineage: Lineage) -> Iterator[str]:
    """Why the same training would give other bytes, or none, on this machine."""
    if settings.train.deterministic is not True:
        yield (
            "its training was not deterministic (train.deterministic=false): the same training "
            "gives other weights each time"
        )
    if lineage.gpu is not None and accelerator() is None:
        yield f"it was trained on a GPU, {lineage.gpu}, and there is none here"


def _work(lineage: Lineage) -> Work:
    sizes = (one["size"] for made in lineage.stages.values() for one in made.files.values())
    return Work(
        stages=list(lineage.stages),
        seconds=round(sum(made.seconds for made in lineage.stages.values()), 1),
        bytes=sum(sizes),
    )


def check_room(work: Work, folder: Path) -> None:
    """Raise InputError where the folder has not the room that the work takes."""
    free = shutil.disk_usage(folder).free
    needed = 2 * work.bytes  # the export has the weights once more in each format
    if free < needed:
        raise InputError(
            f"expected some {size(needed)} free below {folder.parent}, there are {size(free)}; "
            "name a folder with more room in TMPDIR"
        )


def size(count: int) -> str:
    """Bytes in words."""
    value, unit = float(count), "bytes"
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 10 or unit == "bytes" else f"{value:.1f} {unit}"


def _listed(home: Home, version: Version, folder: Path) -> whole.Files:
    """The list of a version's files; empty where a version of before has none."""
    sealed = version.tags.get(whole.FILES_TAG)
    if sealed is None:
        return {}
    here = local_path(version.source, home.model_files)
    if here is None:
        from mlflow.artifacts import download_artifacts

        folder.mkdir()
        got = download_artifacts(
            artifact_uri=f"{version.source}/{whole.FILES}",
            dst_path=str(folder),
            tracking_uri=home.tracking_uri,
        )
        here = Path(got).parent
    return whole.read_list((here / whole.FILES).read_bytes(), sealed) or {}
