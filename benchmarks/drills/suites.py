"""Drills that are suites of tests: bad input, fuzz, hub clients; their long versions, counted."""

import os
import re
import subprocess
import sys

from benchmarks.drills.command import Drill, Outcome

INPUT = (
    "tests/cli/test_bad_input.py",
    "tests/data/test_bad_input.py",
    "tests/settings/test_parse.py",
    "tests/settings/test_data_settings.py",
    "tests/encoders/test_encoder_refusals.py",
    "tests/encoders/test_fetch_checkpoint.py",
    "tests/registry/test_model_names.py",
)
FUZZ = (
    "tests/settings/test_any_settings.py",
    "tests/data/test_readers.py",
    "tests/data/test_tag_schemes.py",
    "tests/text/test_alignment.py",
)
HUBS = (
    "tests/data/test_hub_sources.py",
    "tests/encoders/test_fetch_hub.py",
    "tests/encoders/test_fetch_minilm.py",
    "tests/tfhub/test_fetch_modules.py",
    "tests/tfhub/test_resolve_handle.py",
)
CASES = 7_000
"""For each property; there are fifteen, and those of the alignment for each kind of tokenizer."""


def bad_input(drill: Drill) -> list[Outcome]:
    """The tables of wrong settings, files, checkpoints and names."""
    return [_counted("bad input refused in one line", INPUT)]


def fuzz(drill: Drill) -> list[Outcome]:
    """The properties, tried many times each; NIGHTLOOM_FUZZ_CASES says how many."""
    cases = os.environ.get("NIGHTLOOM_FUZZ_CASES", str(CASES))
    return [_counted(f"properties hold, {cases} cases each", FUZZ, NIGHTLOOM_FUZZ_CASES=cases)]


def hubs(drill: Drill) -> list[Outcome]:
    """Hubs that refuse, break off, drip, lie about lengths."""
    return [_counted("hub clients", HUBS)]


def _counted(name: str, files: tuple[str, ...], **environment: str) -> Outcome:
    """Run tests and count those that passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", _last(done.stdout))}
    passed = counts.get("passed", 0)
    bad = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    if done.returncode:
        print(done.stdout[-3000:], flush=True)
    return Outcome(name, passed, passed + max(bad, int(done.returncode != 0)))


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
