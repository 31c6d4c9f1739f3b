"""The pages for three kinds of users, as they would type them, from an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import fences, read

STACK = re.compile(r"(?m)^nightloom (up|deploy)\b.*\n")
"""What needs the usual ports; tests/cli/test_up.py and tests/deployments start stacks."""
ENDS = {
    "for-engineers": "promoted",
    "for-operators": "unpin",
    "for-one-flow": '"label": "bug"',
}


@pytest.mark.long("pages")
@pytest.mark.parametrize("page", list(ENDS))
def test_a_page_ends_at_a_first_success(page: str, environment: dict[str, str], tmp_path: Path):
    blocks = [block for language, block in fences(read(page)) if language == "sh"]
    script = "set -e\n" + "".join(STACK.sub("", one) for one in blocks)
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**environment, "PATH": path, "NIGHTLOOM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert ENDS[page] in done.stdout + done.stderr
