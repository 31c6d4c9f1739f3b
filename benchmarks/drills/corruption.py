"""Corruption: every file that a run wrote, harmed in every way; what is seen, and by whom.

Artifacts and checkpoints are looked up through the library, file by file. Then the command line
runs over homes in which a file of every stage, and every result record, is harmed at once.
"""

import json
import shutil
import time
from collections import Counter
from pathlib import Path

from benchmarks.drills.command import Drill, Outcome, kill
from benchmarks.drills.harms import HARMS, has_effect
from nightloom.cache.housekeeping import Broken, verify_all
from nightloom.cache.store import MANIFEST, SMALL, ArtifactStore, read_manifest, write_manifest
from nightloom.home import Home
from nightloom.training.checkpoints import Checkpoints


def drill(drill: Drill) -> list[Outcome]:
    """Harm, look up, count."""
    _ = drill.calm
    return [*artifacts(drill), *checkpoints(drill), *reruns(drill)]


def artifacts(drill: Drill) -> list[Outcome]:
    """Every file of every artifact, harmed alone: the look-up must miss, say so, put it aside."""
    _ = drill.calm
    home = Home(drill.home("scratch"))
    home.create()
    store, calm = ArtifactStore(home), ArtifactStore(Home(drill.home("calm")))
    seen: Counter[str] = Counter()
    times: Counter[str] = Counter()
    quick = full = large = 0
    for stage in calm.stages():
        [key] = calm.keys(stage)
        origin = calm.path(stage, key)
        other = next(p for s in calm.stages() if s != stage for p in _files(calm, s))
        for file in _files(calm, stage):
            name = file.relative_to(origin)
            for what, harm in HARMS.items():
                copy = _copied(origin, store.path(stage, key))
                if not has_effect(what, copy / name):
                    continue
                harm(copy / name, other)
                times[what] += 1
                found = store.find(stage, key)
                right = found.artifact is None and "damaged" in found.damage
                seen[what] += right and not copy.exists()
            if file.stat().st_size > SMALL:
                large += 1
                copy = _copied(origin, store.path(stage, key))
                _harm_below_the_file_system(copy, str(name))
                quick += store.find(stage, key).artifact is None
                full += any(isinstance(one, Broken) for one in verify_all(store))
    shutil.rmtree(home.root)
    rows = [Outcome(f"artifact file {what}: a miss that says so", seen[what], times[what])
            for what in HARMS]  # fmt: skip
    note = f"a look-up sees {quick} of them"
    return [
        *rows,
        Outcome("large file, times as recorded: `cache verify` finds it", full, large, note),
    ]


def _files(store: ArtifactStore, stage: str) -> list[Path]:
    return sorted(
        path for key in store.keys(stage) for path in store.path(stage, key).rglob("*")
        if path.is_file()
    )  # fmt: skip


def _copied(origin: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(origin, target)
    return target


def _harm_below_the_file_system(artifact: Path, name: str) -> None:
    """Flip a bit as a bad disk does: what the file system says of the file stays as recorded.

    The change time cannot be set, so the record is made to fit instead.
    """
    HARMS["one bit flipped"](artifact / name, artifact)
    body = read_manifest(artifact)
    stat = (artifact / name).stat()
    body["files"][name]["stamp"] = [stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    write_manifest(artifact, body)


def checkpoints(drill: Drill) -> list[Outcome]:
    """Every file that belongs to a killed training's checkpoint: refused whole, and said."""
    home = drill.home("killed-in-training")
    victim = drill.start(home, "train.checkpoint_seconds=0")
    while not (latest := _second_epoch(home)):
        if victim.poll() is not None:
            raise SystemExit(f"the training to kill ended:\n{victim.communicate()[1]}")
        time.sleep(0.02)
    kill(victim)
    victim.communicate()
    origin = latest.parent
    other = next((drill.home("calm") / "artifacts").glob(f"encode/*/{MANIFEST}"), latest)
    entry = json.loads(latest.read_text("utf-8"))
    best = Checkpoints(origin).best_path(entry["position"]["best_epoch"])
    refused = times = 0
    for file in (latest, origin / entry["file"], best):
        for what, harm in HARMS.items():
            copy = _copied(origin, drill.home("checkpoint"))
            if not has_effect(what, copy / file.name):
                continue
            harm(copy / file.name, other)
            said: list[str] = []
            times += 1
            refused += Checkpoints(copy).load(warn=said.append) is None and len(said) == 1
    for path in origin.iterdir():
        HARMS["one bit flipped"](path, path)
    ran = drill.run(home)
    again = drill.same(ran, "checkpoint harmed") and "damaged" in ran.err
    drill.forget(home)
    return [
        Outcome("checkpoint file harmed: refused, and said", refused, times),
        Outcome("checkpoint harmed: training starts anew, ends equal", int(again), 1),
    ]


def _second_epoch(home: Path) -> Path | None:
    """The file that names a checkpoint's others, once the weights of an epoch are among them."""
    for latest in home.glob("checkpoints/*/latest.json"):
        if json.loads(latest.read_text("utf-8"))["position"]["epoch"]:
            return latest
    return None


def reruns(drill: Drill) -> list[Outcome]:
    """A file of each stage, another one for each harm, and all records; then a plain rerun."""
    equal = named = records = times = stages = 0
    for turn, (what, harm) in enumerate(HARMS.items()):
        home = drill.copy_of_calm("harmed")
        store = ArtifactStore(Home(home))
        harmed = []
        for stage in store.stages():
            files = [path for path in _files(store, stage) if has_effect(what, path)]
            if files:
                harm(files[turn % len(files)], _files(store, _next(store, stage))[0])
                harmed.append(stage)
        if not harmed:
            continue
        other = _files(store, harmed[0])[-1]
        for path in (home / "results").iterdir():
            harm(path, other)
        ran = drill.run(home)
        times += 1
        stages += len(harmed)
        equal += drill.same(ran, what)
        named += sum("damaged" in ran.why.get(stage, "") for stage in harmed)
        again = drill.run(home)
        records += drill.same(again, f"{what}, again") and not again.built
    drill.forget(drill.home("harmed"))
    return [
        Outcome("a file of every stage and all records harmed: the rerun ends equal", equal, times),
        Outcome("… and names the damage of each stage", named, stages),
        Outcome("… and the run after it only hits", records, times),
    ]


def _next(store: ArtifactStore, stage: str) -> str:
    stages = store.stages()
    return stages[(stages.index(stage) + 1) % len(stages)]
