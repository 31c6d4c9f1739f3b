"""The hubs' real clients, against a hub on 127.0.0.1 and against filled caches."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nightloom.data.download import retried
from nightloom.errors import InputError
from nightloom.progress import SILENT
from tests.data.hub_server import COMMIT, Hub, serve

ROOT = Path(__file__).resolve().parents[2]

BUILD = """
import json, sys, tempfile
from pathlib import Path
from nightloom.data.build import build_entity_dataset, build_text_dataset
from nightloom.errors import NightloomError
from nightloom.settings.data import EntityDataSettings, TextDataSettings
exec(sys.argv[2])
for entities, source in json.loads(sys.argv[1]):
    make = EntityDataSettings if entities else TextDataSettings
    build = build_entity_dataset if entities else build_text_dataset
    try:
        print(json.dumps(build(make(source=source), Path(tempfile.mkdtemp()))))
    except NightloomError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""


def build(
    sources: list[tuple[bool, str]], environment: dict[str, str], *, before: str = ""
) -> list[dict[str, Any]]:
    """Facts or error of each (entities, source), built in a process with that environment.

    `before` is Python to run first in that process.
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


QUOTA = """
import tensorflow_datasets as tfds

class QuotaNews(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(names="ab")}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, manager):
        manager.download("URL/news.csv")

    def _generate_examples(self):
        yield 0, {}
"""

PREPARE = """
import os
import tensorflow as tf
import tensorflow_datasets as tfds

rows = {
    "title": [f"title {n}" for n in range(40)],
    "description": [f"é {n}" for n in range(40)],
    "label": [n % 4 for n in range(40)],
}
features = tfds.features.FeaturesDict({
    "title": tfds.features.Text(),
    "description": tfds.features.Text(),
    "label": tfds.features.ClassLabel(names=["World", "Sports", "Business", "Sci/Tech"]),
})
table = tf.data.Dataset.from_tensor_slices(rows)
tfds.dataset_builders.store_as_tfds_dataset(
    "ag_news_subset", version="1.0.0", features=features,
    split_datasets={"train": table.take(40), "test": table.take(8)}, data_dir=os.environ["TFDS_DATA_DIR"],
    disable_shuffling=True,
)
import quota_news
"""


def test_tensorflow_datasets(tmp_path: Path) -> None:
    pytest.importorskip("importlib_resources", reason="tensorflow-datasets needs it")
    quota = tmp_path / "quota" / "quota_news"
    quota.mkdir(parents=True)
    with serve(Hub({})) as hub:
        (quota / "__init__.py").write_text(QUOTA.replace("URL", hub.url))
        (quota / "checksums.tsv").write_text(f"{hub.url}/news.csv\t9\t{'0' * 64}\tnews.csv\n")
        hub.answer = lambda method, path: (200, {}, b"<html>Quota exceeded")  # type: ignore
        news, wrong, unknown = build(
            [
                (False, "tfds:ag_news_subset"),
                (False, "tfds:quota_news"),
                (False, "tfds:ag_newz_subset"),
            ],
            {
                "TFDS_DATA_DIR": str(tmp_path / "tfds"),
                "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{quota.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            },
            before=PREPARE,
        )
    assert news["rows"] == {"train": 36, "valid": 4, "test": 8}
    assert news["label_names"] == ["World", "Sports", "Business", "Sci/Tech"]
    assert news["source"] == {"kind": "tfds", "name": "ag_news_subset", "version": "1.0.0"}
    assert "Google Drive does so when it answers with a quota page" in wrong["message"]
    assert "TFDS_DATA_DIR" in wrong["message"]
    assert wrong["error"] == "RunError"
    assert "did you mean tfds:ag_news_subset?" in unknown["message"]


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
