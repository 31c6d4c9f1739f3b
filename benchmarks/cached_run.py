"""A fully cached run against the smallest possible Prefect flow, and `nightloom --help`.

    python -m benchmarks.cached_run [--repeats 5]

Commands alternate, so that noise meets both; each with an ephemeral Prefect server of its own, or
with the one that PREFECT_API_URL names.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import machine, nightloom, run, show

SMALLEST = "from prefect import flow\n@flow\ndef smallest():\n    return 1\nsmallest()\n"
RUN = ("run", "classify-transformer", "data.source=sample", "train.epochs=1")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    server = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    os.environ.update({name: os.environ.get(name, value) for name, value in server.items()})
    show("machine", machine("prefect"))
    times: dict[str, list[float]] = {"smallest flow": [], "cached run": [], "help": [], "pass": []}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        nightloom(home, *RUN)
        for _ in range(given.repeats):
            times["smallest flow"].append(run([sys.executable, "-c", SMALLEST]).seconds)
            measured, report = nightloom(home, *RUN)
            assert {stage["state"] for stage in report["stages"]} == {"hit"}
            times["cached run"].append(measured.seconds)
            times["help"].append(run([sys.executable, "-m", "nightloom", "--help"]).seconds)
            times["pass"].append(run([sys.executable, "-c", "pass"]).seconds)
    for name, values in times.items():
        shown = ", ".join(f"{value:.2f}" for value in sorted(values))
        print(f"  {name:<14} median {statistics.median(values):.2f} s  ({shown})")
    ratio = statistics.median(times["cached run"]) / statistics.median(times["smallest flow"])
    print(f"  cached run / smallest flow: {ratio:.2f}")


if __name__ == "__main__":
    main()
