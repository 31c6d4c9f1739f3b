"""Checkpoints from the Hugging Face hub: its real client, against a hub on 127.0.0.1."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from nightloom.downloads.words import cleaned
from tests.encoders.servers import BRANCH_COMMIT, COMMIT, Hub, serve
from tests.encoders.tiny import change_config, save_checkpoint

ROOT = Path(__file__).resolve().parents[2]

CHUNK = 10 * 2**20
"""What the hub's client writes at once, so that it resumes at a multiple."""

FETCH = """
import json, sys
from pathlib import Path
from nightloom.encoders.checkpoints import fetch_checkpoint
from nightloom.errors import NightloomError
for number, call in enumerate(json.loads(sys.argv[1])):
    try:
        facts = fetch_checkpoint(**call, out=Path(sys.argv[2]) / str(number))
        print(json.dumps(facts))
    except NightloomError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""


def fetched(
    calls: list[dict[str, Any]], out: Path, environment: dict[str, str]
) -> list[dict[str, Any]]:
    """Facts or error of each call of `fetch_checkpoint`, made in a process with `environment`."""
    given = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, json.dumps(calls), str(out)],
        capture_output=True,
        text=True,
        env={**given, "PYTHONPATH": str(ROOT / "src"), "USE_TORCH": "0", **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """Repositories that are whole, and some that are not."""
    folder = tmp_path_factory.mktemp("repository")
    save_checkpoint(folder, "bert")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    weights = files["model.safetensors"]
    tensors = load_file(folder / "model.safetensors")
    large = save(tensors | {"cls.head": np.arange(3_000_000, dtype=np.float32)})
    change_config(folder, model_type="gpt2", architectures=["GPT2Model"])
    other = {**files, "config.json": (folder / "config.json").read_bytes()}
    pickle = {name: data for name, data in files.items() if name != "model.safetensors"}
    hub = Hub(
        {
            "we/fine": files | {"pytorch_model.bin": b"pickle", "evil.py": b"raise SystemExit"},
            "we/breaks": files | {"model.safetensors": large},
            "we/busy": files,
            "we/wrong": files,
            "we/down": files,
            "we/gated": files,
            "we/gpt": other,
            "we/pickle": pickle | {"pytorch_model.bin": b"pickle"},
        }
    )
    hub.broken["we/breaks/model.safetensors"] = CHUNK + 1000
    hub.failing["we/busy"] = [429, 503]
    hub.failing["we/down"] = [502] * 100
    hub.wrong["we/wrong/model.safetensors"] = bytes(reversed(weights))
    hub.gated.add("we/gated")
    return hub


def test_hugging_face_hub(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    home = {"HF_HOME": str(cache), "HF_TOKEN": "hf_secret123"}
    asked = ["we/fine", "we/breaks", "we/busy", "we/wrong", "we/down", "we/gated", "we/gpt"]
    calls: list[dict[str, Any]] = [{"source": source} for source in [*asked, "we/pickle"]]
    calls += [{"source": "we/absent"}, {"source": "we/fine", "revision": "v9"}]
    calls += [{"source": "we/fine", "revision": COMMIT}, {"source": "we/fine", "revision": "v2"}]
    with serve(hub):
        dead = hub.url
        fine, breaks, busy, wrong, down, gated, gpt, pickle, absent, revision, pinned, branch = (
            fetched(calls, tmp_path / "out", {**home, "HF_ENDPOINT": hub.url})
        )
    out = tmp_path / "out"
    whole = (out / "0" / "model.safetensors").read_bytes()

    assert (fine["kind"], fine["commit"], fine["revision"]) == ("hub", COMMIT, None)
    assert whole == hub.repositories["we/fine"]["model.safetensors"]
    assert fine["parameters"] == busy["parameters"] == breaks["parameters"] > 1000
    assert not any("bin" in request or "evil" in request for request in hub.requests)
    assert (pinned["commit"], pinned["revision"]) == (COMMIT, COMMIT)
    assert (branch["commit"], branch["revision"]) == (BRANCH_COMMIT, "v2")

    path = f"GET /we/breaks/resolve/{COMMIT}/model.safetensors"
    assert [request for request in hub.requests if request.startswith(path)] == [
        path,
        f"{path} from {CHUNK}",
    ]
    resumed = (out / "1" / "model.safetensors").read_bytes()
    assert resumed == hub.repositories["we/breaks"]["model.safetensors"]

    assert wrong["error"] == "RunError"
    assert "model.safetensors: the checksum differs" in wrong["message"]
    assert down["error"] == "RunError"
    assert "502" in down["message"]
    assert gated["error"] == absent["error"] == revision["error"] == "InputError"
    assert "gated" in gated["message"]
    assert "we/absent: there is no such local directory" in absent["message"]
    assert "404" in absent["message"]
    assert "we/fine@v9: the hub has no such revision" in revision["message"]

    assert gpt["error"] == pickle["error"] == "InputError"
    assert "'gpt2'" in gpt["message"]
    assert "distilbert" in gpt["message"]
    assert not any("we/gpt/" in r and "safetensors" in r for r in hub.requests)
    assert "pytorch_model.bin" in pickle["message"]

    failures = (wrong, down, gated, absent, revision, gpt, pickle)
    for failure in failures:
        assert "\n" not in failure["message"]
        assert "secret" not in failure["message"]
        assert str(tmp_path / "out") not in failure["message"]

    # nobody answers any more: the cache is used where it is whole
    calls = [{"source": "we/fine"}, {"source": "we/fine", "offline": True}, {"source": "we/new"}]
    calls += [{"source": "we/wrong", "offline": True}, {"source": "we/new", "offline": True}]
    calls += [{"source": "we/fine", "revision": COMMIT}]
    gone = fetched(calls, tmp_path / "gone", {**home, "HF_ENDPOINT": dead})
    unreached, offline, new, partial, absent, pinned = gone
    assert unreached == offline == fine
    assert pinned["files"] == fine["files"]
    for failure in (new, partial, absent):
        assert failure["error"] == "InputError"
        for named in (str(cache), "HF_HOME", "HF_HUB_OFFLINE", "HF_ENDPOINT", "local directory"):
            assert named in failure["message"]
    assert "refused" in new["message"]
    assert "offline" in absent["message"]

    before = len(hub.requests)
    with serve(hub):
        forbidden = {**home, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1"}
        cached, absent = fetched(
            [{"source": "we/fine"}, {"source": "we/new"}], tmp_path / "forbidden", forbidden
        )
    assert len(hub.requests) == before
    assert cached == fine
    assert absent["error"] == "InputError"
    assert str(cache) in absent["message"]


def test_secrets_do_not_reach_messages() -> None:
    text = "GET https://me:pw@host/x?token=abc&y=1 failed\n with Bearer xyz and hf_AbC123"
    found = cleaned(text)
    assert "\n" not in found
    for secret in ("pw", "abc", "xyz", "AbC123"):
        assert secret not in found
