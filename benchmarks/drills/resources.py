"""Nothing left to give: disk, memory, file handles; and homes, clocks, locales that are odd.

Each ends in one clear line, nothing half published, and the next plain run is equal to a calm one.
"""

import os
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.drills.command import COMPARED, Drill, Outcome, Ran
from benchmarks.drills.harms import has_effect
from nightloom.cache.store import MANIFEST, ArtifactStore, read_manifest, write_manifest
from nightloom.home import Home

NO_ROOM = ("larger than is allowed", "is full", "disk I/O error")
FILE_SIZE = 1024
"""Bytes: less than any artifact's key takes, more than a lease."""
HANDLES = (16, 20, 24, 32, 48, 64)
DAY = 86_400.0
ODD_NAME = "ночной стан, größer"
PLAIN_C = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
UMASK = 0o027
OURS_ALONE = "programs"
"""Machine code is kept where nobody else reads or writes."""


def drill(drill: Drill) -> list[Outcome]:
    """All of them, once each."""
    return [
        disk_full(drill),
        disk_full_in_a_checkpoint(drill),
        memory(drill),
        handles(drill),
        *read_only(drill),
        clock(drill),
        *locale(drill),
    ]


def _limited(kind: int, most: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(kind, (most, most))

    return limit


def _fails_clearly(ran: Ran, what: str, *words: str) -> bool:
    """Whether a run ended in one line, which has one of the words."""
    clear = ran.is_clear_failure and (not words or any(one in ran.err for one in words))
    if not clear:
        print(f"{what}: exit {ran.code}\n{ran.err[-2000:]}", flush=True)
    return clear


def _without(drill: Drill, stage: str) -> Path:
    """A home as the calm run left it, but for one stage."""
    home = drill.copy_of_calm(f"without-{stage}")
    shutil.rmtree(home / "artifacts" / stage)
    if stage == "register":
        shutil.rmtree(home / "mlartifacts")
        (home / "mlflow.db").unlink()
    return home


def disk_full(drill: Drill, *, stages: Sequence[str] = ()) -> Outcome:
    """A limit on the size of files, met in one stage after the other (all, if none is named)."""
    right = 0
    stages = stages or [one["stage"] for one in drill.calm.report["stages"]]
    for stage in stages:
        home = _without(drill, stage)
        limit = _limited(resource.RLIMIT_FSIZE, FILE_SIZE)
        ran = drill.run(home, preexec_fn=limit)
        clear = _fails_clearly(ran, f"disk full in {stage}", *NO_ROOM)
        nothing = not list((home / "artifacts" / stage).glob("*"))
        again = drill.run(home)
        right += clear and nothing and drill.same(again, f"after a full disk in {stage}")
        drill.forget(home)
    return Outcome("no room for a file, in each stage: one line, the next run ends equal",
                   right, len(stages))  # fmt: skip


def disk_full_in_a_checkpoint(drill: Drill) -> Outcome:
    """Room for the log and the small files, none for a checkpoint."""
    home = _without(drill, "train")
    limit = _limited(resource.RLIMIT_FSIZE, 16 * FILE_SIZE)
    ran = drill.run(home, "train.checkpoint_seconds=0", preexec_fn=limit)
    clear = _fails_clearly(ran, "disk full in a checkpoint", *NO_ROOM)
    again = drill.same(drill.run(home), "after a full disk in a checkpoint")
    drill.forget(home)
    return Outcome("no room for a checkpoint: the same", int(clear and again), 1)


def memory(drill: Drill) -> Outcome:
    """Address space for TensorFlow itself, not for a model of gigabytes."""
    if drill.flow != "classify-transformer":
        return Outcome("out of memory (classify-transformer alone)", 0, 0)
    home = drill.copy_of_calm("memory")
    limit = _limited(resource.RLIMIT_AS, 9 * 2**30)
    large = ("model.width=8192", "model.feed_forward=65536", "model.depth=2")
    ran = drill.run(home, *large, preexec_fn=limit)
    clear = _fails_clearly(ran, "memory", "out of memory") and "train.batch_size" in ran.err
    again = drill.same(drill.run(home), "after memory")
    drill.forget(home)
    return Outcome("out of memory in training: said, with what to set", int(clear and again), 1)


def handles(drill: Drill) -> Outcome:
    """From too few to start with to too few for the worker."""
    right = 0
    for most in HANDLES:
        home = drill.home(f"handles-{most}")
        ran = drill.run(home, preexec_fn=_limited(resource.RLIMIT_NOFILE, most))
        fine = ran.code == 0 or _fails_clearly(ran, f"{most} handles")
        right += fine and drill.same(drill.run(home), f"after {most} handles")
        drill.forget(home)
    return Outcome(f"at most {HANDLES[0]} to {HANDLES[-1]} file handles: the same",
                   right, len(HANDLES))  # fmt: skip


def read_only(drill: Drill) -> list[Outcome]:
    """A home that may not be written; one whose artifacts may not."""
    right = times = 0
    for place in (".", "artifacts/.building", "locks"):
        home = drill.copy_of_calm("read-only")
        shutil.rmtree(home / "artifacts" / "evaluate")
        if not has_effect("without permissions", home / "mlflow.db"):
            return [Outcome("read-only home (not as root)", 0, 0)]
        (home / place).chmod(0o555)
        ran = drill.run(home)
        (home / place).chmod(0o755)
        times += 1
        clear = _fails_clearly(ran, place, "ermission denied", "writable")
        right += clear and drill.same(drill.run(home), "after read-only")
        drill.forget(home)
    return [Outcome("read-only home: the same", right, times)]


def clock(drill: Drill) -> Outcome:
    """The clock set back by a day: all that is there comes from tomorrow."""
    home = drill.copy_of_calm("tomorrow")
    store = ArtifactStore(Home(home))
    for stage in store.stages():
        for key in store.keys(stage):
            path = store.path(stage, key)
            body = read_manifest(path)
            body["artifact"]["built_at"] += DAY
            write_manifest(path, body)
            os.utime(path / MANIFEST, (time.time() + DAY,) * 2)
    ran = drill.run(home)
    hits = drill.same(ran, "clock") and not ran.built
    changed = drill.run(home, "register.name=other")
    fine = hits and changed.code == 0 and changed.built == ["register"]
    drill.forget(home)
    return Outcome("clock set back by a day: all hits, and building goes on", int(fine), 1)


def locale(drill: Drill) -> list[Outcome]:
    """No UTF-8 anywhere, a home with spaces and letters beyond ASCII, a umask of its own."""
    home = drill.home(ODD_NAME)
    ran = drill.run(home, env=PLAIN_C, preexec_fn=lambda: os.umask(UMASK) and None)
    equal = drill.same(ran, "locale C") and set(COMPARED) & set(ran.digests)
    open_to_others = [
        path for path in home.rglob("*") if not path.is_symlink() and path.stat().st_mode & UMASK
    ]
    closed_to_us = [
        path
        for path in home.rglob("*")
        if not path.is_symlink()
        and not path.stat().st_mode & 0o040
        and OURS_ALONE not in path.relative_to(home).parts
    ]
    for path in open_to_others[:5] + closed_to_us[:20]:
        print(f"umask: {path.relative_to(home)} {path.stat().st_mode:o}", flush=True)
    drill.forget(home)
    return [
        Outcome("locale C, home with spaces and Cyrillic: equal", int(bool(equal)), 1),
        Outcome("every file but kept programs has the permissions of the umask",
                int(not open_to_others and not closed_to_us), 1),
    ]  # fmt: skip
