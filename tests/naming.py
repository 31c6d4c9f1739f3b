"""The names of tests: the same in every process, second and folder, or the run stops.

pytest-xdist needs them so (`Different tests were collected`), and so does who looks for one later.
Also a plugin of pytest (`-p tests.naming`) that writes the names it collects to a file.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from itertools import zip_longest
from pathlib import Path

import pytest

FILE = "NIGHTLOOM_TEST_NAMES"
"""Where the plugin writes: names a file; without it the plugin does nothing."""

ROOT = Path(__file__).resolve().parent.parent
SHOWN = 3
NAMED_BY_HAND = (bytes, bytearray, Path, set, frozenset)
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")


def check_value(value: object, *, argument: str) -> None:
    """Refuse a value of `parametrize` whose name pytest would make of what may change."""
    places = {str(ROOT), tempfile.gettempdir() + "/pytest", str(Path.home()) + "/"}
    text = value if isinstance(value, str) else ""
    changes = ADDRESS.search(text) or any(place in text for place in places)
    if isinstance(value, NAMED_BY_HAND) or changes:
        raise ValueError(
            f"{argument} has a {type(value).__name__} as a value, whose name may depend on time, "
            "process or path: name it, as in pytest.param(…, id='cut short') or ids=[…]"
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the names of all tests, in their order."""
    if FILE in os.environ:
        names = [item.nodeid for item in session.items]
        Path(os.environ[FILE]).write_text(json.dumps(names))


def collect(arguments: list[str], *, hash_seed: int) -> list[str] | None:
    """Return the names pytest finds in a process and temporary folder of its own.

    None where it cannot collect: the run itself says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "names.json"
        own = {"PYTHONHASHSEED": str(hash_seed), "TMPDIR": folder, FILE: str(file)}
        quiet = ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "tests.naming"]
        subprocess.run(
            [sys.executable, "-m", "pytest", *quiet, *arguments],
            cwd=ROOT,
            env=os.environ | own,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return json.loads(file.read_text()) if file.is_file() else None


def differences(arguments: list[str]) -> list[str]:
    """Collect twice, seconds apart and with other hash seeds; return what differs, in lines."""
    first = collect(arguments, hash_seed=1)
    time.sleep(1.1)  # what is named by the second is named otherwise
    second = collect(arguments, hash_seed=2)
    if first is None or second is None:
        return []
    return compare(first, second)


def compare(first: list[str], second: list[str]) -> list[str]:
    """Return the first places where two collections differ, a line each."""
    pairs = enumerate(zip_longest(first, second, fillvalue="nothing"), 1)
    found = [f"  test {n}: {a}\n     then: {b}" for n, (a, b) in pairs if a != b]
    more = [f"  and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return found[:SHOWN] + more
