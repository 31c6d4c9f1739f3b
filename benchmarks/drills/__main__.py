"""Run drills and print one table.

    python -m benchmarks.drills [kill corruption races] [--times 10] [-- SETTING=VALUE ...]

By default a small `classify-transformer` on the embedded sample. A Prefect server that
PREFECT_API_URL names saves starting one for each run.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.drills import corruption, kill, races
from benchmarks.drills.command import Drill, Outcome
from benchmarks.measuring import machine, show

DRILLS = {"kill": kill.drill, "corruption": corruption.drill, "races": races.drill}
SMALL = [
    "data.source=sample",
    "data.limit=400",
    "model.length=24",
    "train.epochs=2",
    "train.batch_size=8",
    "train.jit_compile=false",
]


def main() -> int:
    """Run, print, and fail where a drill failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("drills", nargs="*", metavar="DRILL", help=", ".join(DRILLS))
    parser.add_argument("--flow", default="classify-transformer")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments, rest = sys.argv[1:], []
    if "--" in arguments:
        arguments, rest = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    given = parser.parse_args(arguments)
    show("machine", machine("tensorflow", "prefect", "mlflow"))
    with tempfile.TemporaryDirectory() as folder:
        drill = Drill(Path(folder), given.flow, rest or SMALL, given.times, given.seed)
        outcomes: list[Outcome] = []
        for name in given.drills or DRILLS:
            outcomes += DRILLS[name](drill)
    width = max(len(one.name) for one in outcomes)
    print()
    for one in outcomes:
        verdict = "ok" if one.right == one.times else "FAILED"
        print(f"{one.name:<{width}}  {one.right:>4} of {one.times:<4} {verdict:<7} {one.note}")
    return int(any(one.right != one.times for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
