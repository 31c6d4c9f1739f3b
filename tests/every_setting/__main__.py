"""Try the settings of flows in pairs: `python -m tests.every_setting [FLOW …] [--minutes N]`.

Prints the figures of each flow as they stand, and what went wrong with the row it went wrong with.
"""

import argparse
import logging
import os
import random
import shlex
import sys
import tempfile
import time
from pathlib import Path

from pydantic import BaseModel

from tests.every_setting import other_flows
from tests.every_setting.drive import Try
from tests.every_setting.values import Table

TRAINED = ("classify-transformer", "classify-bert", "classify-hub", "ner-bert")
FLOWS = (*TRAINED, *other_flows.FLOWS)


def main() -> int:
    """Run; 1 where a row was at fault, or a refusal was met that is not written down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("flows", nargs="*", metavar="FLOW", default=FLOWS)
    parser.add_argument("--minutes", type=float, default=600.0, help="of each flow, at the most")
    parser.add_argument("--runs", type=int, default=10_000, help="of each flow, at the most")
    parser.add_argument("--draw", type=int, help="run rows of so many flows, of the others none")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chosen = random.Random(given.seed).sample(given.flows, given.draw or len(given.flows))
    with tempfile.TemporaryDirectory() as folder:
        return max(
            _flow(flow, Path(folder), given, runs=given.runs if flow in chosen else 0)
            for flow in given.flows
        )


def _flow(flow: str, folder: Path, given: argparse.Namespace, *, runs: int) -> int:
    os.environ["NIGHTLOOM_HOME"] = str(folder / f"home-{flow}")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of each model traced anew
    from tests.every_setting.alone import ROWS, Alone
    from tests.every_setting.drive import Coverage, cover
    from tests.every_setting.refused import refused_pairs
    from tests.every_setting.runner import in_this_process
    from tests.every_setting.values import values_of

    kind, table, here = _trained(flow, folder) if flow in TRAINED else _other(flow, folder)
    values = values_of(kind, table)
    if flow in TRAINED and runs > ROWS:
        here = Alone(flow).run
    coverage = Coverage(flow, values, known=refused_pairs(flow, values), tell=_tell)
    until, tried = time.monotonic() + 60 * given.minutes, 0

    def attempt(row: dict[str, str]) -> None:
        nonlocal tried
        tried += 1
        began = time.monotonic()
        try:
            if "," in row.get("train.devices", ""):
                Alone(flow, devices=2).run(row)
            else:
                here(row)
        finally:
            took = time.monotonic() - began
            print(f"{flow} {tried}: {took:.1f} s, {len(coverage.open)} open", flush=True)

    def enough() -> bool:
        return time.monotonic() > until or tried >= runs

    with in_this_process():
        if flow not in TRAINED and runs:
            other_flows.prepare(flow, folder)
        if flow in TRAINED or runs:  # without a model, all that `score` is asked is refused
            coverage.check_known(here)
            print(f"{flow}: {len(coverage.known)} pairs are refused as written down", flush=True)
        cover(coverage, attempt, seed=given.seed, enough=enough)
    if not enough():
        for pair in sorted(coverage.open, key=sorted):
            print(f"OPEN {' '.join(_spelled(dict(sorted(pair))))}: every row with both is refused")
    for pair, what in coverage.refused.items():
        print(f"REFUSED {' '.join(_spelled(dict(sorted(pair))))}: {what}", flush=True)
    print(coverage.line, flush=True)
    return int(bool(coverage.faults or coverage.refused))


def _trained(flow: str, folder: Path) -> tuple[type[BaseModel], Table, Try]:
    from nightloom.records.known import find_flow
    from tests.every_setting.runner import parse, run_to_an_answer
    from tests.every_setting.tables import table_for

    function, kind = find_flow(flow).load(), find_flow(flow).load_settings()

    def here(row: dict[str, str]) -> None:
        run_to_an_answer(function, parse(kind, row))

    return kind, table_for(flow, folder), here


def _other(flow: str, folder: Path) -> tuple[type[BaseModel], Table, Try]:
    table = other_flows.table_for(flow, folder)
    return other_flows.kind_of(flow), table, lambda row: other_flows.run(flow, row, folder)


def _tell(flow: str, row: dict[str, str], what: str) -> None:
    print(f"FAULT {what}\n  nightloom run {flow} {shlex.join(_spelled(row))}", flush=True)


def _spelled(row: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in row.items()]


if __name__ == "__main__":
    sys.exit(main())
