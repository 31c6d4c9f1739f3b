"""`flows.NAME`, as runs of the worker of `nightloom up` find it."""

import subprocess
import sys
from pathlib import Path

from nightloom.deployments.services import EARLIER_NAMES


def imported(code: str, folder: Path, *path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": ":".join(map(str, path)), "PREFECT_HOME": str(folder / "prefect")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_every_old_entry_point_is_the_flow_of_today(tmp_path):
    code = """
import importlib, flows
for name in flows.FLOWS:
    old, new = (importlib.import_module(f"{top}flows.{name}") for top in ("", "nightloom."))
    assert getattr(flows, name) is old is new
    print(getattr(old, name).name)
"""
    assert imported(code, tmp_path, EARLIER_NAMES).split() == [
        "classify-bert",
        "classify-hub",
        "classify-transformer",
        "ner-bert",
        "nightly",
    ]


def test_flows_of_somebodys_own_come_first_be_they_a_package_or_a_folder(tmp_path):
    (tmp_path / "own" / "flows").mkdir(parents=True)
    (tmp_path / "own" / "flows" / "mine.py").write_text("print('mine')")
    where = (EARLIER_NAMES, tmp_path / "own")
    assert imported("import flows.mine", tmp_path, *where) == "mine"
    (tmp_path / "own" / "flows" / "__init__.py").touch()
    assert imported("import flows.mine", tmp_path, *where) == "mine"
