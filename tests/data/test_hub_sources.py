"""The hubs' real clients, against a hub on 127.0.0.1 and against filled caches."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from nightloom.downloads.retrying import retried
from nightloom.errors import InputError
from nightloom.progress import SILENT
from tests.data.hub_server import COMMIT, Hub, serve

ROOT = Path(__file__).resolve().parents[2]

BUILD = """
import json, socket, sys, tempfile
from pathlib import Path
from nightloom.data.build import build_dataset
from nightloom.errors import InputError, NightloomError
from nightloom.settings.data import EntityDataSettings, TextDataSettings
look_up = socket.getaddrinfo

def look_up_here_only(host, *rest, **named):
    if host not in ("127.0.0.1", "localhost"):
        raise socket.gaierror(f"no address for {host}")
    return look_up(host, *rest, **named)

socket.getaddrinfo = look_up_here_only
exec(sys.argv[2])
for entities, source in json.loads(sys.argv[1]):
    make = EntityDataSettings if entities else TextDataSettings
    try:
        print(json.dumps(build_dataset(make(source=source), Path(tempfile.mkdtemp()))))
    except NightloomError as error:
        kind = "InputError" if isinstance(error, InputError) else type(error).__name__
        print(json.dumps({"error": kind, "message": str(error)}))
"""


def build(
    sources: list[tuple[bool, str]], environment: dict[str, str], *, before: str = ""
) -> list[dict[str, Any]]:
    """Facts or error of each (entities, source), built in a process with that environment.

    The process finds no address but 127.0.0.1. `before` is Python to run first in that process.
    """
    done = subprocess.run(
        [sys.executable, "-c", BUILD, json.dumps(sources), before],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def text_rows(word: str) -> bytes:
    import datasets

    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["no", "yes"])
    )
    rows = {"text": [f"{word} {n}" for n in range(30)], "label": [n % 2 for n in range(30)]}
    return parquet(datasets.Dataset.from_dict(rows, features=features))


def token_rows() -> bytes:
    import datasets

    features = datasets.Features(
        id=datasets.Value("string"),
        tokens=datasets.List(datasets.Value("string")),
        ner_tags=datasets.List(datasets.ClassLabel(names=["O", "B-PER", "I-PER"])),
    )
    rows = {"id": ["x"] * 30, "tokens": [["a", "b", "c"]] * 30, "ner_tags": [[1, 2, 0]] * 30}
    return parquet(datasets.Dataset.from_dict(rows, features=features))


def parquet(rows: Any) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer)
    return buffer.getvalue()


def test_hugging_face(tmp_path: Path) -> None:
    hub = Hub(
        {
            "we/news": {
                "data/train-00000-of-00001.parquet": text_rows("a"),
                "data/test-00000-of-00001.parquet": text_rows("b"),
            },
            "we/names": {"data/train-00000-of-00001.parquet": token_rows()},
            "we/table": {"train.csv": b"text,label\na,0\n"},
            "we/script": {"script.py": b"raise SystemExit('never run')"},
        }
    )
    home = {"HF_HOME": str(tmp_path)}
    with serve(hub):
        news, names, table, script, nothing, config, revision, column = build(
            [
                (False, "hf:we/news"),
                (True, f"hf:we/names@{COMMIT}"),
                (False, "hf:we/table"),
                (False, "hf:we/script"),
                (False, "hf:we/nothing"),
                (False, "hf:we/news:other"),
                (False, "hf:we/news@v9"),
                (False, "hf:we/names"),
            ],
            {**home, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"},
        )
    assert news["rows"] == {"train": 27, "valid": 3, "test": 30}
    assert news["label_names"] == ["no", "yes"]
    assert news["source"] == {
        "kind": "hf",
        "name": "we/news",
        "config": "default",
        "revision": COMMIT,
    }
    assert names["label_names"] == ["O", "B-PER", "I-PER"]
    assert names["rows"] == {"train": 24, "valid": 3, "test": 3}
    assert "expected Parquet" in table["message"]
    assert "never run" in script["message"]
    assert "we/nothing" in nothing["message"]
    assert "'other' not found" in config["message"]
    assert "'v9' doesn't exist" in revision["message"]
    assert "no column 'text'" in column["message"]
    failures = (table, script, nothing, config, revision, column)
    assert {failure["error"] for failure in failures} == {"InputError"}

    again, absent, other = build(
        [(False, "hf:we/news"), (False, "hf:we/absent"), (False, f"hf:we/news@{'0' * 40}")],
        {**home, "HF_HUB_OFFLINE": "1"},
    )
    assert again == news
    assert "HF_HUB_OFFLINE forbids the network" in absent["message"]
    assert f"holds commit {COMMIT} instead" in other["message"]


# The real builder of ag_news_subset; only where its file lies and what it weighs are replaced.
NEWS_AT = """
import re
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader
from tensorflow_datasets.core.download.checksums import UrlInfo
import nightloom.downloads.retrying
nightloom.downloads.retrying.WAIT = 0.01
builder = tfds.core.load.builder_cls("ag_news_subset")
url, size, digest = {url!r}, {size}, {digest!r}
sys.modules[builder.__module__]._DOWNLOAD_URL = url
builder.url_infos = {{url: UrlInfo(size=size, checksum=digest, filename="ag_news_csv.tar.gz")}}
"""
AS_DRIVE = """
downloader._DRIVE_URL = re.compile("^http://127")
"""


def news_archive() -> bytes:
    """Rows in the layout of the original: label from 1, title, description, in a tar file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for split, rows in (("train", 40), ("test", 8)):
            lines = [f'"{n % 4 + 1}","title {n}","é {split} {n}"\n' for n in range(rows)]
            data = "".join(lines).encode()
            entry = tarfile.TarInfo(f"ag_news_csv/{split}.csv")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def test_tensorflow_datasets(tmp_path: Path) -> None:
    archive = news_archive()
    replies = [b"<html>Quota exceeded</html>", archive]
    with serve(Hub({})) as hub:
        hub.answer = lambda method, path: (200, {}, replies.pop(0))  # type: ignore
        at = NEWS_AT.format(
            url=f"{hub.url}/news.tar.gz",
            size=len(archive),
            digest=hashlib.sha256(archive).hexdigest(),
        )
        wrong, news, again, unknown = build(
            [
                (False, "tfds:ag_news_subset"),
                (False, "tfds:ag_news_subset"),
                (False, "tfds:ag_news_subset"),
                (False, "tfds:ag_newz_subset"),
            ],
            {"TFDS_DATA_DIR": str(tmp_path)},
            before=at,
        )
    assert wrong["error"] == "RunError"
    assert f"{hub.url}/news.tar.gz sent something other than the expected file" in wrong["message"]
    assert "a page about its quota" in wrong["message"]
    assert "TFDS_DATA_DIR" in wrong["message"]
    assert wrong["message"].endswith("or data.source=hf:fancyzhx/ag_news")
    assert news["rows"] == {"train": 36, "valid": 4, "test": 8}
    assert news["label_names"] == ["World", "Sports", "Business", "Sci/Tech"]
    assert news["source"] == {"kind": "tfds", "name": "ag_news_subset", "version": "1.0.0"}
    assert again == news
    assert replies == []
    assert unknown["error"] == "InputError"
    assert "did you mean tfds:ag_news_subset?" in unknown["message"]


def test_google_drive_sends_a_page(tmp_path: Path) -> None:
    """The client takes it for a confirmation, wants bs4 to read it, and finds none in it."""
    with serve(Hub({})) as hub:
        hub.answer = lambda method, path: (200, {}, b"<html>Quota exceeded</html>")  # type: ignore
        at = NEWS_AT.format(url=f"{hub.url}/news", size=9, digest="0" * 64)
        (page,) = build(
            [(False, "tfds:ag_news_subset")],
            {"TFDS_DATA_DIR": str(tmp_path)},
            before=at + AS_DRIVE,
        )
    assert page["error"] == "RunError"
    assert "a page about its quota" in page["message"]
    assert "hf:fancyzhx/ag_news" in page["message"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9/news", "no connection to 127.0.0.1:9"),
        ("https://drive.google.com/uc", "no connection to drive.google.com:443"),
    ],
)
def test_tensorflow_datasets_without_a_network(url: str, reason: str, tmp_path: Path) -> None:
    (failed,) = build(
        [(False, "tfds:ag_news_subset")],
        {"TFDS_DATA_DIR": str(tmp_path)},
        before=NEWS_AT.format(url=url, size=9, digest="0" * 64),
    )
    assert failed["error"] == "RunError"
    assert "its server cannot be reached" in failed["message"]
    assert reason in failed["message"]
    assert "check the network, or set TFDS_DATA_DIR" in failed["message"]
    assert "hf:fancyzhx/ag_news" in failed["message"]


def test_hugging_face_without_a_network(tmp_path: Path) -> None:
    (failed,) = build(
        [(False, "hf:we/news")],
        {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"},
        before="import time; time.sleep = lambda seconds: None",
    )
    assert failed["error"] == "RunError"
    assert "the Hugging Face hub cannot be reached" in failed["message"]
    assert "HF_HUB_OFFLINE=1" in failed["message"]


def test_download_is_tried_again() -> None:
    tries = []

    def fail_twice() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionResetError("reset by peer")
        return "done"

    assert retried(fail_twice, what="x", report=SILENT, wait=0.01) == "done"
    assert len(tries) == 3


def test_wrong_input_is_not_tried_again() -> None:
    tries = []

    def fail() -> None:
        tries.append(1)
        raise InputError("no such data set")

    with pytest.raises(InputError):
        retried(fail, what="x", report=SILENT, wait=0.01)
    assert len(tries) == 1
