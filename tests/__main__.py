"""Everything that must pass: all tests, which include lint, format, types and layers.

Ends with pytest's summary. `--long [NAME]` runs the long forms of the tests instead, one after
another. Other arguments go to pytest.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests import long_forms, naming

ROOT = Path(__file__).resolve().parent.parent

WORKERS = 1 + min(os.cpu_count() or 1, 8)
"""One more than cores: tests that wait for servers and clocks leave their core to others."""
SIDE_BY_SIDE = ["-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder"]
"""All tests: most of their time is one core's, starting processes. A file's share fixtures."""
COVERAGE = ["--cov=nightloom", "--cov-report=", "--cov-fail-under=30"]
"""What share of the library's lines the tests run in their own processes, but for tests that trace
graphs (`tests/counted.py`); those of the commands, workers and servers that they start are not
counted either. The floor is far below what it is."""


def main() -> int:
    """Collect the tests twice, and run them unless their names differ."""
    parser = argparse.ArgumentParser(prog="python -m tests", add_help=False, allow_abbrev=False)
    parser.add_argument("--long", nargs="?", const=long_forms.ALL)
    known, given = parser.parse_known_args()
    if known.long:
        os.environ.update(long_forms.environment(known.long))
        return pytest([f"--long={known.long}", "-s", *given])
    if differing := naming.differences(given):
        print(
            "FAILED: two collections of the tests, seconds apart, give them different names; "
            "name the values of `parametrize` (ids=, pytest.param(…, id=…)):",
            *differing,
            sep="\n",
            flush=True,
        )
        return 1
    return pytest(given or SIDE_BY_SIDE + COVERAGE)


def pytest(arguments: list[str]) -> int:
    """Run pytest in the repository; return its status."""
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
