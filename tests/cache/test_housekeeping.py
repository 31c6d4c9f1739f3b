import os
import threading
import time

from nightloom.cache.housekeeping import (
    Broken,
    Listed,
    listing,
    needed_by_models,
    orphaned_by_models,
    sweep,
    verify_all,
)
from nightloom.cache.leases import Lease, held
from nightloom.cache.locks import FileLocks
from nightloom.cache.store import MANIFEST
from nightloom.usage import Usage


def sweep_all(store, **options):
    given = {"older_than": 0.0, "max_size": None, "needed": {}, "dry_run": False}
    return sweep(store, **{**given, **options})


def test_ls_shows_the_last_used_first(store, publish):
    old = publish({"a": b"1"}, key="1" * 64)
    publish({"a": b"22"}, key="2" * 64)
    past = time.time() - 1000
    os.utime(store.files(old).path / MANIFEST, (past, past))
    assert [one.key[0] for one in listing(store)] == ["2", "1"]
    store.find("encode", old.key)  # a hit counts as a use
    assert [one.key[0] for one in listing(store)] == ["1", "2"]


def test_verify_hashes_everything_and_puts_the_broken_aside(store, publish):
    publish({"a": b"1"}, key="1" * 64)
    bad = publish({"a": b"1"}, key="2" * 64)
    (store.files(bad).path / "a").write_bytes(b"2")
    found = list(verify_all(store))
    assert [one.key[0] for one in found if isinstance(one, Listed)] == ["1"]
    [broken] = [one for one in found if isinstance(one, Broken)]
    assert broken.key == bad.key
    assert broken.moved_to.is_dir()
    assert not any(isinstance(one, Broken) for one in verify_all(store))


def test_gc_by_age(store, publish):
    old = publish({"a": b"1"}, key="1" * 64)
    new = publish({"a": b"1"}, key="2" * 64)
    past = time.time() - 1000
    os.utime(store.files(old).path / MANIFEST, (past, past))
    swept = sweep_all(store, older_than=500.0)
    assert [one.key for one in swept.artifacts] == [old.key]
    assert store.find("encode", new.key).artifact
    assert not store.find("encode", old.key).artifact


def test_gc_by_size_removes_the_longest_unused(store, publish):
    for number in range(4):
        made = publish({"a": b"x" * 100_000}, key=str(number) * 64)
        past = time.time() - 1000 + number
        os.utime(store.files(made).path / MANIFEST, (past, past))
    swept = sweep_all(store, older_than=None, max_size=250_000)
    assert sorted(one.key[0] for one in swept.artifacts) == ["0", "1"]


def test_gc_spares_what_models_and_running_flows_need(store, publish):
    for number in "123":
        publish({"a": b"1"}, key=number * 64)
    lease = Lease(store.home)
    with lease.hold("encode", "1" * 64):
        pass
    swept = sweep_all(store, needed={("encode", "2" * 64): "news/4"})
    assert [one.key[0] for one in swept.artifacts] == ["3"]
    assert {one.key[0]: one.why_kept for one in swept.kept} == {
        "1": "a running flow",
        "2": "news/4",
    }
    lease.end()
    assert sorted(one.key[0] for one in sweep_all(store).artifacts) == ["1", "2"]
    assert listing(store) == []


def test_a_dry_run_removes_nothing(store, publish):
    publish({"a": b"1"})
    assert len(sweep_all(store, dry_run=True).artifacts) == 1
    assert len(listing(store)) == 1


def test_gc_removes_leftovers_of_killed_runs(store, publish):
    made = publish({"a": b"1"})
    half = store.home.building / "encode-half"
    half.mkdir()
    os.utime(half, (1, 1))
    (store.home.locks / "dead.lock").touch()
    done = store.home.checkpoints / f"encode-{made.key[:24]}"
    waiting = store.home.checkpoints / "train-notbuiltyet"
    done.mkdir()
    waiting.mkdir()
    stack, worker = store.home.logs / "stack", store.home.logs / "worker-1.log"
    stack.mkdir(parents=True)
    (stack / "prefect.log").write_text("it may be running\n")
    worker.touch()
    for old in (stack / "prefect.log", stack, worker):
        os.utime(old, (1, 1))
    used = Usage({"cpu": 1.0}, {"cpu": 2.0}, [(3.0, {"cpu": 1.0})])
    for name in (done.name, "encode-gone"):
        used.keep(store.home, name)
        os.utime(store.home.usage / f"{name}.json", (1, 1))
    sweep_all(store, older_than=None)
    assert Usage.read(store.home, done.name) == used
    assert Usage.read(store.home, "encode-gone") is None
    assert (stack / "prefect.log").exists()
    assert not worker.exists()
    assert not half.exists()
    assert not done.exists()
    assert waiting.exists(), "a killed training resumes from it"
    assert not (store.home.locks / "dead.lock").exists()


def test_what_registered_models_need_is_their_whole_lineage(store, publish):
    facts = {
        "model": {"name": "news", "version": 3},
        "lineage": {"train": {"key": "t" * 64, "digest": "d"}},
    }
    publish({"a": b"1"}, stage="register", key="r" * 64, facts=facts)
    assert needed_by_models(store, lambda name, version: True) == {
        ("register", "r" * 64): "news/3",
        ("train", "t" * 64): "news/3",
    }
    assert needed_by_models(store, lambda name, version: False) == {}


def test_gc_leaves_a_build_alone_that_takes_hours(store, publish):
    made = publish({"a": b"1"})  # being built again, as with --refresh
    locks = FileLocks(store.home.locks)
    locks.acquire(made.key, "us")
    checkpoints = store.home.checkpoints / f"encode-{made.key[:24]}"
    checkpoints.mkdir()
    with store.building("encode", made.key) as folder:
        os.utime(folder.parent, (1, 1))
        sweep_all(store, older_than=None)
        assert folder.exists()
        assert checkpoints.exists()
    locks.release(made.key, "us")


def test_a_new_lease_removes_those_of_dead_runs(store):
    dead = store.home.locks / "1-dead.lease"
    dead.write_text("encode " + "1" * 64 + "\n")
    living = Lease(store.home)
    with living.hold("encode", "2" * 64):
        pass
    other = Lease(store.home)
    assert not dead.exists()
    assert held(store.home) == {("encode", "2" * 64)}
    living.end()
    other.end()
    assert list(store.home.locks.iterdir()) == []


def test_leases_taken_at_once_are_never_lost(store):
    def take(number):
        for turn in range(50):
            lease = Lease(store.home)
            with lease.hold("encode", f"{number}-{turn}"):
                pass
            found.append(("encode", f"{number}-{turn}") in held(store.home))
            lease.end()

    found = []
    threads = [threading.Thread(target=take, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 200


def test_what_belonged_to_a_version_that_is_gone_goes_at_once_its_registration_last(store, publish):
    def register(version: int, train: str) -> None:
        facts = {
            "model": {"name": "news", "version": version},
            "lineage": {"train": {"key": train * 64, "digest": "d"}},
        }
        publish({"a": b"1"}, stage="register", key=str(version) * 64, facts=facts)

    for train in "tu":
        publish({"a": b"1"}, stage="train", key=train * 64)
    register(1, "t")
    register(2, "u")
    register(3, "u")
    other = publish({"a": b"1"}, stage="encode", key="e" * 64)

    def registered(name: str, version: int) -> bool:
        return version == 3

    assert orphaned_by_models(store, registered, ["mail"]) == []
    swept = sweep_all(
        store,
        older_than=1000.0,
        needed=lambda: needed_by_models(store, registered),
        orphaned=lambda: orphaned_by_models(store, registered, ["news"]),
    )
    gone = [(one.stage, one.key[0]) for one in swept.artifacts]
    assert gone[0] == ("train", "t") and sorted(gone[1:]) == [("register", "1"), ("register", "2")]
    assert store.find(other.stage, other.key).artifact


def test_checkpoints_that_nothing_resumes_from_go_by_age(store):
    for name in ("train-old", "train-new"):
        (store.home.checkpoints / name).mkdir(parents=True)
        (store.home.checkpoints / name / "step").touch()
    for path in (store.home.checkpoints / "train-old", store.home.checkpoints / "train-old/step"):
        os.utime(path, (1, 1))
    assert sweep_all(store, older_than=86_400.0).leftovers == 1
    assert [path.name for path in store.home.checkpoints.iterdir()] == ["train-new"]
