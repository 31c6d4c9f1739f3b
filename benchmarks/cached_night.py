"""A fully cached night of four models, one of each flow, against each of these flows alone.

    python -m benchmarks.cached_night [--repeats 5] [--home FOLDER]

Commands alternate, so that noise meets all of them; first each with an ephemeral Prefect server of
its own, then with a stack (`nightloom up -d`) that runs. Sample data; the encoder is `minilm`.
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import machine, nightloom, run, show

SMALL = {
    "data": {"source": "sample", "limit": 400},
    "model": {"length": 32},
    "train": {"epochs": 1, "jit_compile": False},
}
MODELS = {
    "classify-transformer": {},
    "classify-hub": {"model.encoder": "minilm", "model.pooling": "mean", "model.trainable": "head"},
    "classify-bert": {
        "model.checkpoint": "minilm",
        "model.pooling": "mean",
        "model.trainable": "head",
    },
    "ner-bert": {"model.checkpoint": "minilm", "model.trainable": "head"},
}
NIGHT = "night of four"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--home", type=Path, help="keep what is built here, for the next time")
    given = parser.parse_args()
    for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    show("machine", machine("prefect"))
    with tempfile.TemporaryDirectory() as folder:
        home = (given.home or Path(folder) / "home").absolute()
        commands = _commands(Path(folder))
        nightloom(home, *commands[NIGHT])
        _measure("an ephemeral server each", home, commands, given.repeats)
        with _stack(home):
            _measure("a stack that runs", home, commands, given.repeats)


def _commands(folder: Path) -> dict[str, list[str]]:
    """The night's and each model's own command, by name."""
    night = folder / "night.yaml"
    models = [{"flow": flow, "settings": {**SMALL, **more}} for flow, more in MODELS.items()]
    night.write_text(json.dumps({"models": models}))
    commands = {NIGHT: ["run", "nightly", "--config", str(night)]}
    for flow, more in MODELS.items():
        config = folder / f"{flow}.yaml"
        config.write_text(json.dumps({**SMALL, **more}))
        commands[flow] = ["run", flow, "--config", str(config)]
    return commands


def _measure(title: str, home: Path, commands: dict[str, list[str]], repeats: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            measured, report = nightloom(home, *command)
            for one in report.get("models", [report]):
                assert {stage["state"] for stage in one["stages"]} == {"hit"}
            times[name].append(measured.seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"\n{title}")
    for name, values in times.items():
        shown = ", ".join(f"{value:.2f}" for value in sorted(values))
        print(f"  {name:<20} median {medians[name]:.2f} s  ({shown})")
    alone = [medians[name] for name in MODELS]
    print(f"  night / mean of the flows alone: {medians[NIGHT] / statistics.mean(alone):.2f}")
    print(f"  night / the fastest of them: {medians[NIGHT] / min(alone):.2f}", flush=True)


@contextlib.contextmanager
def _stack(home: Path) -> Iterator[None]:
    command, environment = [sys.executable, "-m", "nightloom", "up"], {"NIGHTLOOM_HOME": str(home)}
    ports = ["--prefect-port", str(_free_port()), "--mlflow-port", str(_free_port())]
    run([*command, "-d", *ports], environment)
    try:
        yield
    finally:
        run([*command, "--down"], environment)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
