import json
import os
import shutil

import pytest

from nightloom.cache.locks import FileLocks
from nightloom.cache.store import MANIFEST, SMALL, Damaged

BIG = b"0123456789abcdef" * (SMALL // 8)


def test_what_was_published_is_found_with_facts_and_digest(store, publish):
    made = publish({"a.txt": b"1", "sub/b.txt": b"2"}, facts={"rows": 3})
    found = store.find("encode", "k" * 64)
    assert found.artifact == made
    assert found.artifact.facts == {"rows": 3}
    assert (store.files(made).path / "sub/b.txt").read_bytes() == b"2"


def test_facts_are_found_in_their_order_which_no_digest_has(store, publish):
    facts = {"rows": 3, "labels": {"urgent": 2, "calm": 1}}
    publish({"a": b"1"}, facts=facts)
    found = store.find("encode", "k" * 64).artifact
    assert json.dumps(found.facts) == json.dumps(facts)
    other = publish(
        {"a": b"1"}, key="2" * 64, facts={"labels": {"calm": 1, "urgent": 2}, "rows": 3}
    )
    assert other.digest == found.digest


def test_a_manifest_with_sorted_facts_of_earlier_versions_is_found(store, publish):
    made = publish({"a": b"1"}, facts={"rows": 3, "labels": {"urgent": 2, "calm": 1}})
    manifest = store.files(made).path / MANIFEST
    sealed = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps(sealed, indent=1, sort_keys=True, ensure_ascii=False), "utf-8")
    found = store.find("encode", "k" * 64)
    assert found.damage == "" and found.artifact.facts == made.facts


def test_nothing_is_found_where_nothing_was_published(store):
    found = store.find("encode", "k" * 64)
    assert found.artifact is None
    assert found.damage == ""


def test_equal_content_has_equal_digests_whatever_the_key(publish):
    first = publish({"a": b"1"}, key="1" * 64, parts={"x": 1})
    second = publish({"a": b"1"}, key="2" * 64, parts={"x": 2})
    other = publish({"a": b"2"}, key="3" * 64)
    assert first.digest == second.digest != other.digest


def test_volatile_files_and_facts_do_not_change_the_digest(publish):
    volatile = frozenset({"timings", "rows_per_s"})
    first = publish(
        {"a": b"1", "timings": b"1.0"}, key="1" * 64, facts={"rows_per_s": 1}, volatile=volatile
    )
    second = publish(
        {"a": b"1", "timings": b"2.0"}, key="2" * 64, facts={"rows_per_s": 2}, volatile=volatile
    )
    assert first.digest == second.digest


def remove(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def halve(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_a_link(path):
    content = path.read_bytes()
    path.unlink()
    target = path.with_name("elsewhere")
    target.write_bytes(content + b"x")
    path.symlink_to(target)


@pytest.mark.parametrize("harm", [remove, empty, halve, flip, replace_by_a_link])
@pytest.mark.parametrize("name", ["small", "big", "key.json", MANIFEST])
def test_harm_is_seen_said_and_put_aside(store, publish, harm, name):
    made = publish({"small": b"some bytes", "big": BIG})
    harm(store.files(made).path / name)
    found = store.find("encode", made.key)
    assert found.artifact is None
    assert "damaged" in found.damage
    assert not store.files(made).path.exists()
    assert len(list(store.home.quarantine.iterdir())) == 1
    assert store.find("encode", made.key).damage == ""


def test_a_file_too_many_is_harm(store, publish):
    made = publish({"a": b"1"})
    (store.files(made).path / "b").write_bytes(b"2")
    assert "not in its manifest" in store.find("encode", made.key).damage


def test_another_artifact_in_its_place_is_harm(store, publish):
    one = publish({"a": b"1"}, key="1" * 64)
    two = publish({"a": b"2"}, key="2" * 64)
    shutil.rmtree(store.files(one).path)
    shutil.copytree(store.files(two).path, store.files(one).path)
    assert "belongs to" in store.find("encode", one.key).damage


def test_a_large_file_changed_behind_its_times_is_found_by_full_verification(store, publish):
    made = publish({"big": BIG})
    path = store.files(made).path / "big"
    manifest = json.loads((store.files(made).path / MANIFEST).read_text())
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"!")
    os.utime(path, ns=(0, manifest["body"]["files"]["big"]["stamp"][0]))
    # the change time cannot be set back, so even the quick look sees it
    with pytest.raises(Damaged, match="altered"):
        store.verify(store.files(made).path)
    with pytest.raises(Damaged, match="altered"):
        store.verify(store.files(made).path, full=True)


def test_a_copied_home_holds_although_its_times_are_new(store, publish):
    made = publish({"big": BIG, "small": b"1"})
    path = store.files(made).path
    copy = path.with_name("copy")
    shutil.copytree(path, copy, copy_function=shutil.copyfile)
    shutil.rmtree(path)
    copy.rename(path)
    assert store.find("encode", made.key).artifact == made


def test_a_build_that_failed_leaves_nothing(store):
    def fail():
        with store.building("encode", "k" * 64) as folder:
            (folder / "half").write_bytes(b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(store.home.building.iterdir()) == []
    assert store.find("encode", "k" * 64).artifact is None


def test_publishing_again_replaces(store, publish):
    publish({"a": b"1"})
    again = publish({"a": b"2"})
    found = store.find("encode", again.key).artifact
    assert found == again
    assert (store.files(again).path / "a").read_bytes() == b"2"
    assert list(store.home.building.iterdir()) == []


def test_what_a_killed_builder_of_the_key_left_is_removed_by_the_next(store):
    left = store.home.building / f"encode-{'k' * 24}-1-dead" / "out"
    left.mkdir(parents=True)
    other = store.home.building / f"encode-{'o' * 24}-1-alive" / "out"
    other.mkdir(parents=True)
    with store.building("encode", "k" * 64) as folder:
        assert list(folder.iterdir()) == []
        assert not left.parent.exists()
        (folder.parent / "scratch").mkdir()
    assert list(store.home.building.iterdir()) == [other.parent]


def test_a_folder_without_permissions_is_put_aside_too(store, publish):
    made = publish({"a": b"1"})
    path = store.files(made).path
    path.chmod(0)
    if os.access(path, os.W_OK):
        path.chmod(0o755)
        pytest.skip("this user may do anything")
    assert "damaged" in store.find("encode", made.key).damage


def test_a_hit_removes_what_its_builder_left_when_it_was_killed_after_publishing(store, publish):
    made = publish({"a": b"1"})
    name = f"encode-{made.key[:24]}"
    left = [store.home.building / f"{name}-1-dead", store.home.checkpoints / name]
    for folder in left:
        folder.mkdir()
    locks = FileLocks(store.home.locks)
    locks.acquire(made.key, "somebody")
    assert store.find("encode", made.key).artifact
    assert all(folder.exists() for folder in left), "it is being built again"
    locks.release(made.key, "somebody")
    (store.home.locks / f"{made.key}.lock").touch()
    assert store.find("encode", made.key).artifact
    assert not any(folder.exists() for folder in left)
    assert list(store.home.locks.iterdir()) == []
