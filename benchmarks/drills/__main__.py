"""Run drills and print one table.

    python -m benchmarks.drills [DRILL ...] [--times 10] [--flow classify-bert] [-- SETTING=VALUE]

A drill breaks something on purpose, runs the flow (by default a small `classify-transformer` on
the embedded sample) and counts how often it came out right. One Prefect server, started here
unless PREFECT_API_URL names one, serves all runs. Cases about permissions have no effect for root;
as root, run `setpriv --bounding-set=-all --inh-caps=-all python -m benchmarks.drills`.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.drills import corruption, kill, promotions, races, resources, servers, suites
from benchmarks.drills.command import Drill, Outcome
from benchmarks.drills.prefect_server import PrefectServer
from benchmarks.drills.small import FLOWS, settings_for
from benchmarks.measuring import machine, show

DRILLS: dict[str, Callable[[Drill], list[Outcome]]] = {
    "kill": kill.drill,
    "corruption": corruption.drill,
    "races": races.drill,
    "promotions": promotions.drill,
    "resources": resources.drill,
    "servers": servers.drill,
    "input": suites.bad_input,
    "fuzz": suites.fuzz,
    "hubs": suites.hubs,
}


def main() -> int:
    """Run, print, and fail where a drill failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("drills", nargs="*", metavar="DRILL", help=", ".join(DRILLS))
    parser.add_argument("--flow", default=FLOWS[0], help=", ".join(FLOWS))
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments, rest = sys.argv[1:], []
    if "--" in arguments:
        arguments, rest = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    given = parser.parse_args(arguments)
    if unknown := set(given.drills) - DRILLS.keys():
        parser.error(f"no drill {', '.join(sorted(unknown))}; there are {', '.join(DRILLS)}")
    show("machine", machine("tensorflow", "prefect", "mlflow"))
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        url = os.environ.get("PREFECT_API_URL") or ""
        if not url:
            url = held.enter_context(PrefectServer(folder / "prefect")).api_url
        drill = Drill(
            folder,
            given.flow,
            [*settings_for(given.flow, folder), *rest],
            times=given.times,
            seed=given.seed,
            api_url=url,
        )
        for name in given.drills or DRILLS:
            began = time.monotonic()
            counted = DRILLS[name](drill)
            outcomes += counted
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print()
    for one in outcomes:
        print(one.line)
    return int(any(one.right != one.times for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
