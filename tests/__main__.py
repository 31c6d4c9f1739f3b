"""Everything that must pass: lint, format, types, layers, tests. Ends with pytest's summary.

`--long [NAME]` runs the long forms of the tests instead, one after another. Other arguments go to
pytest.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import long_forms, naming

ROOT = Path(__file__).resolve().parent.parent
CHECKS = (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",), ("tests.imports",))

WORKERS = 1 + min(os.cpu_count() or 1, 8)
"""One more than cores: tests that wait for servers and clocks leave their core to others."""
SIDE_BY_SIDE = ["-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder"]
"""All tests: most of their time is one core's, starting processes. A file's share fixtures."""
COVERAGE = ["--cov=nightloom", "--cov-report=", "--cov-fail-under=30"]
"""What share of the library's lines the tests run in their own processes, but for tests that trace
graphs (`tests/counted.py`); those of the commands, workers and servers that they start are not
counted either. The floor is far below what it is."""


def main() -> int:
    """Run the checks, each even where an earlier one failed, then the tests.

    Meanwhile the tests are collected twice: they do not start where their names differ.
    """
    parser = argparse.ArgumentParser(prog="python -m tests", add_help=False, allow_abbrev=False)
    parser.add_argument("--long", nargs="?", const=long_forms.ALL)
    known, given = parser.parse_known_args()
    if known.long:
        os.environ.update(long_forms.environment(known.long))
        return pytest([f"--long={known.long}", "-s", *given])
    with ThreadPoolExecutor(max_workers=1) as pool:
        names = pool.submit(naming.differences, given)
        failed = [check for check in CHECKS if run(*check)]
    if failed:
        print("FAILED: " + ", ".join(" ".join(check) for check in failed), flush=True)
    if differing := names.result():
        print(
            "FAILED: two collections of the tests, seconds apart, give them different names; "
            "name the values of `parametrize` (ids=, pytest.param(…, id=…)):",
            *differing,
            sep="\n",
            flush=True,
        )
        return 1
    return pytest(given or SIDE_BY_SIDE + COVERAGE) or int(bool(failed))


def run(*module: str) -> int:
    """Run a module of this environment in the repository; return its status."""
    return subprocess.run([sys.executable, "-m", *module], cwd=ROOT, check=False).returncode


def pytest(arguments: list[str]) -> int:
    """Run pytest; return its status."""
    return run("pytest", *arguments)


if __name__ == "__main__":
    sys.exit(main())
