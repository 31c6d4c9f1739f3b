"""Everything that must pass: lint, format, types, tests. Ends with pytest's summary."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",))

SIDE_BY_SIDE = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
"""All tests: most of their time is one core's, starting processes. A file's share fixtures."""


def main() -> int:
    """Run the checks, each even where an earlier one failed, then the tests."""
    failed = [
        check
        for check in CHECKS
        if subprocess.run([sys.executable, "-m", *check], cwd=ROOT, check=False).returncode
    ]
    if failed:
        print("FAILED: " + ", ".join(" ".join(check) for check in failed), flush=True)
    given = sys.argv[1:] or SIDE_BY_SIDE
    tests = subprocess.run([sys.executable, "-m", "pytest", *given], cwd=ROOT, check=False)
    return int(bool(failed) or tests.returncode)


if __name__ == "__main__":
    sys.exit(main())
