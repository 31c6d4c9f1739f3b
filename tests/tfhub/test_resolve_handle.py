"""A model by its handle, over HTTP through the real client."""

import io
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from nightloom.downloads import transfer
from nightloom.errors import InputError, RunError
from nightloom.tfhub.download import is_offline, resolve_handle
from tests.ports import free_port
from tests.tfhub.conftest import ENCODER_PATH, PREPROCESS_PATH
from tests.tfhub.tfhub_server import Hub, Listener


def test_the_cache_serves_what_was_fetched_once(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = hub.url + ENCODER_PATH
    first = resolve_handle(handle, cache=tmp_path / "cache")
    assert resolve_handle(handle, cache=tmp_path / "cache") == first
    assert len(hub.requests) == 1
    monkeypatch.setenv("NIGHTLOOM_OFFLINE", "1")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    assert is_offline()
    assert resolve_handle(handle) == first
    with pytest.raises(
        InputError, match=r"offline, and .*preprocess/3 is not in the cache .*cache;"
    ):
        resolve_handle(hub.url + PREPROCESS_PATH)
    assert len(hub.requests) == 1


def test_a_broken_transfer_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    size = len(hub.archives[ENCODER_PATH])
    hub.failures = [-(size // 2), 503, -10]
    listener = Listener()
    found = resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path, report=listener)
    assert (found / "saved_model.pb").is_file()
    half = f"bytes={size // 2}-"
    assert [part for _, part in hub.requests] == [None, half, half, f"bytes={size // 2 + 10}-"]
    assert "broke off at" in listener.lines[0]
    assert "answers 503" in listener.lines[1]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(hub: Hub, tmp_path: Path) -> None:
    size = len(hub.archives[ENCODER_PATH])

    class Changing(Listener):
        def warn(self, message: str) -> None:
            hub.archives[ENCODER_PATH] = hub.archives[PREPROCESS_PATH]
            hub.etag = '"2"'

    hub.failures = [-(size // 2)]
    found = resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path, report=Changing())
    assert (found / "assets").is_dir()


@pytest.mark.parametrize(("etag", "knows_parts"), [(None, True), ('"1"', False)])
def test_without_parts_the_whole_file_is_fetched_again(
    hub: Hub, tmp_path: Path, etag: str | None, knows_parts: bool
) -> None:
    hub.etag, hub.knows_parts = etag, knows_parts
    hub.failures = [-100]
    assert (resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path) / "variables").is_dir()


def test_a_transfer_that_always_breaks_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.failures = [-1] * 9
    with pytest.raises(RunError, match=rf"broke off at {transfer.TRIES} of \d+ bytes, tried"):
        resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []
    hub.failures = [500] * 9
    with pytest.raises(
        RunError, match=r"answers 500 .*, tried 4 times; run again later, or without"
    ):
        resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path)
    hub.failures = []
    assert resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path).is_dir()


def test_a_model_that_is_not_there_is_said_at_once(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing/1.*answers 404 .*there is no such model"):
        resolve_handle(f"{hub.url}/nothing/1", cache=tmp_path)
    hub.failures = [403]
    with pytest.raises(InputError, match=r"answers 403 .*; without network give a local directory"):
        resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path)
    assert len(hub.requests) == 2


def test_without_network_the_error_names_the_cache_and_the_ways_out(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(InputError) as error:
        resolve_handle(url + ENCODER_PATH, cache=tmp_path / "cache")
    message = str(error.value)
    assert "no connection" in message
    for part in (str(tmp_path / "cache"), "TFHUB_CACHE_DIR", "NIGHTLOOM_OFFLINE=1", "local dir"):
        assert part in message
    assert "\n" not in message


def test_secrets_in_a_handle_are_not_repeated(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        resolve_handle(f"{hub.url}/nothing/1?token=hf_abcdefgh12345678", cache=tmp_path)
    assert "abcdefgh" not in str(error.value)


def _archive(*entries: tuple[str, bytes | None], kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            if content is None:
                entry.type, entry.linkname = kind, "/etc/passwd"
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content or b""))
    return buffer.getvalue()


MODEL = ("saved_model.pb", b"model")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "complete .tar.gz archive", id="empty"),
        pytest.param(b"not an archive at all" * 50, "complete .tar.gz archive", id="no archive"),
        pytest.param(_archive(MODEL)[:-20], "complete .tar.gz archive|damaged", id="cut short"),
        pytest.param(_archive(("readme.txt", b"x")), "no saved_model.pb at its top", id="no model"),
        pytest.param(
            _archive(("sub/saved_model.pb", b"x")),
            "no saved_model.pb at its top",
            id="model in a folder",
        ),
        pytest.param(
            _archive(MODEL, ("../evil", b"x")), "'../evil' leads out of its folder", id="leads out"
        ),
        pytest.param(
            _archive(MODEL, ("a/../../evil", b"x")),
            "leads out of its folder",
            id="leads out by a detour",
        ),
        pytest.param(
            _archive(MODEL, ("/tmp/evil", b"x")),
            "'/tmp/evil' leads out of its folder",
            id="absolute",
        ),
        pytest.param(
            _archive(MODEL, ("link", None), kind=tarfile.SYMTYPE),
            "a link or device",
            id="symbolic link",
        ),
        pytest.param(
            _archive(MODEL, ("link", None), kind=tarfile.LNKTYPE),
            "a link or device",
            id="hard link",
        ),
        pytest.param(
            _archive(MODEL, ("pipe", None), kind=tarfile.FIFOTYPE), "a link or device", id="pipe"
        ),
        pytest.param(
            _archive(MODEL, ("./saved_model.pb", b"other")),
            "contains 'saved_model.pb' twice",
            id="name twice",
        ),
    ],
)
def test_archives_that_cannot_be_trusted_are_refused(
    hub: Hub, tmp_path: Path, content: bytes, reason: str
) -> None:
    hub.archives["/bad/1"] = content
    with pytest.raises(InputError, match=reason):
        resolve_handle(f"{hub.url}/bad/1", cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]


def test_a_changed_byte_in_the_archive_is_found(hub: Hub, tmp_path: Path) -> None:
    content = bytearray(hub.archives[ENCODER_PATH])
    content[len(content) // 2] ^= 1
    hub.archives[ENCODER_PATH] = bytes(content)
    with pytest.raises(InputError, match="complete .tar.gz archive|damaged"):
        resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path)


def test_a_page_instead_of_an_archive_is_named(hub: Hub, tmp_path: Path) -> None:
    hub.content_type = "text/html; charset=utf-8"
    with pytest.raises(InputError, match="expected a .tar.gz archive, got text/html"):
        resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path)


def test_the_lock_of_a_dead_download_does_not_hold_anyone(hub: Hub, tmp_path: Path) -> None:
    handle = hub.url + ENCODER_PATH
    found = resolve_handle(handle, cache=tmp_path)
    found.rename(tmp_path / "away")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock = tmp_path / f"{found.name}.lock"
    lock.write_text(f"{socket.gethostname()}.{dead.pid}.0123abcd")
    left = tmp_path / f"{found.name}.0123abcd.tmp"
    left.mkdir()
    assert resolve_handle(handle, cache=tmp_path) == found
    assert not lock.exists()
    assert not left.exists()


def test_a_cache_that_cannot_be_written_is_said(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="TFHUB_CACHE_DIR"):
        resolve_handle(hub.url + ENCODER_PATH, cache=tmp_path / "file" / "cache")
