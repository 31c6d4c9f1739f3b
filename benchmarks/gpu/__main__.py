"""Everything that docs/training.md says of GPUs, measured by one command.

    python -m benchmarks.gpu AG_NEWS CONLL2003 CHECKPOINT [--only PART …] [--out FILE]

AG_NEWS and CONLL2003 are folders as the flows read them, CHECKPOINT is a Hugging Face directory of
a small BERT. Each part runs in a process of its own under its own time limit, the most important
first; what it found, even if it did not end, is in FILE as soon as it is over, and in one table at
the end. Steps alone take the rows that the first part encoded, or made-up ones. The Trainer's
side runs where torch and accelerate are there. `--tiny` tries all of it on a CPU in minutes.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.given import Given
from benchmarks.gpu.parts import PARTS, TOTAL
from nightloom.accelerators import accelerator, compiler_flags

TINY_PATIENCE = 6
"""How many times as long a part may take with `--tiny`: that is for a CPU."""


def main() -> int:
    """Run the parts, or the one that this process is for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("ag_news", type=Path)
    parser.add_argument("conll", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path("gpu-benchmark.json"))
    parser.add_argument("--home", type=Path, help="goes on in this home; default: a new one")
    parser.add_argument("--tiny", action="store_true", help="few rows and small models")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        home = given.home or Path(fresh)
        work = Given(given.ag_news, given.conll, given.checkpoint, home, given.tiny)
        if given.part:
            if accelerator():
                os.environ["XLA_FLAGS"] = compiler_flags()  # as a flow's worker has it
            found: dict[str, Any] = {}
            for more in PARTS[given.part].measure(work):
                found |= more
                print(json.dumps(found), flush=True)
            return 0
        return run_all(work, given.only, given.out)


def run_all(work: Given, names: list[str], out: Path) -> int:
    """Each part in its turn; the table; 1 where one failed or was too slow."""
    found: dict[str, Any] = {}
    began, patience = time.monotonic(), TINY_PATIENCE if work.tiny else 1
    for name in names:
        left = round(patience * TOTAL - (time.monotonic() - began))
        limit = min(patience * PARTS[name].limit, left)
        print(f"{name}: {PARTS[name].title} (at most {limit} s)", flush=True)
        if limit <= 0:
            found[name] = {"failed": f"no time left; python -m benchmarks.gpu … --only {name}"}
        else:
            found[name] = run_part(work, name, limit)
        out.write_text(json.dumps(found, indent=1) + "\n")
        print(f"  {json.dumps(found[name])}", flush=True)
    print()
    for name, rows in found.items():
        print(PARTS[name].title)
        for what, value in rows.items():
            shown = f"{value:,.4g}" if isinstance(value, float) and abs(value) < 100 else value
            shown = f"{shown:,.0f}" if isinstance(shown, float) else shown
            print(f"  {what:<52} {shown}")
    return int(any("failed" in rows for rows in found.values()))


def run_part(work: Given, name: str, limit: int) -> dict[str, Any]:
    """What a part found, and why it did not end."""
    command = [sys.executable, "-m", "benchmarks.gpu", str(work.ag_news), str(work.conll)]
    command += [str(work.checkpoint), "--part", name, "--home", str(work.home)]
    process = subprocess.Popen(
        [*command, *(["--tiny"] if work.tiny else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TF_FORCE_GPU_ALLOW_GROWTH": "true"},  # flows need room beside it
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return {**_newest(out), "failed": f"not done after {limit} s", "said": err[-1500:]}
    if process.returncode:
        failed = f"exit status {process.returncode}"
        return {**_newest(out), "failed": failed, "said": err[-1500:]}
    return _newest(out)


def _newest(out: str) -> dict[str, Any]:
    """The last of a part's whole lines: everything that it found."""
    lines = [line for line in out.splitlines(keepends=True) if line.endswith("}\n")]
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found


if __name__ == "__main__":
    sys.exit(main())
