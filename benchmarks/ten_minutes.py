"""From an empty environment to the first green night on a file of one's own, command by command.

    python -m benchmarks.ten_minutes [--rows 3000] [--cached] [PACKAGE]

PACKAGE is what pip installs: a wheel, or the folder of a checkout (by default this one). The file
is made up: support tickets with a date, a subject, a text and a queue. The commands are those of
README.md, with free ports; nothing is edited in between. The night is the deployed one, started now
and run by the worker: it counts if it is completed, and its model is champion and answers.
"""

import argparse
import csv
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.measuring import machine, show

CHECKOUT = Path(__file__).parents[1]
WORDS = {
    "billing": "invoice charge refund card payment amount bank twice paid balance receipt tax",
    "login": "password login account locked reset code email screen session token browser sign",
    "delivery": "parcel courier late address tracking box arrived damaged street driver door",
    "returns": "return label exchange size colour wrong item broken replace shop sent back",
}
FILLING = "the my was and is with for this that please again today why still not have you can we"
OWN = ("NIGHTLOOM_", "PREFECT_", "MLFLOW_", "PYTHON", "VIRTUAL_ENV")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", nargs="?", type=Path, default=CHECKOUT)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--cached", action="store_true", help="pip may use what it has kept")
    given = parser.parse_args()
    show("machine", machine())
    with tempfile.TemporaryDirectory(prefix="ten-minutes-") as folder:
        data = Path(folder) / "tickets.csv"
        write_tickets(data, given.rows)
        show("file", {"rows": given.rows, "bytes": data.stat().st_size})
        seconds = _first_night(Path(folder), data, given.package.resolve(), cached=given.cached)
    show("seconds", {**seconds, "all": sum(seconds.values())})
    show("machine, afterwards", {"load": [round(one, 1) for one in os.getloadavg()]})


def write_tickets(path: Path, rows: int, *, seed: int = 1) -> None:
    """Write made-up tickets, an hour apart; one in ten has a queue that its words do not tell."""
    draw = random.Random(seed)
    began = datetime(2026, 1, 1)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "created", "subject", "body", "queue"])
        for number in range(rows):
            queue = draw.choice(sorted(WORDS))
            about = WORDS[draw.choice(sorted(WORDS)) if draw.random() < 0.1 else queue].split()
            body = " ".join(draw.choices(about + FILLING.split(), k=draw.randint(8, 40)))
            subject = " ".join(draw.choices(about, k=3))
            when = (began + timedelta(hours=number)).isoformat(sep=" ")
            writer.writerow([number, when, subject, body, queue])


def _first_night(folder: Path, data: Path, package: Path, *, cached: bool) -> dict[str, float]:
    """Seconds of each command."""
    seconds: dict[str, float] = {}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    ports = [_free_port() for _ in range(2)]
    commands = folder / ".venv" / "bin"
    nights = folder / "my-nights"
    environment = {
        **kept,
        "PATH": f"{commands}:{kept['PATH']}",
        "PREFECT_HOME": str(folder / "prefect"),
    }

    def timed(what: str, *command: str, at: Path = nights, api: str = "") -> str:
        began = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=at,
            env={**environment, **({"PREFECT_API_URL": api} if api else {})},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds[what] = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{what} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    base = getattr(sys, "_base_executable", sys.executable)
    timed("venv", base, "-m", "venv", ".venv", at=folder)
    constraints = ("--constraint", str(CHECKOUT / "constraints.txt"))
    fresh = () if cached else ("--no-cache-dir",)
    timed(
        "pip install", str(commands / "pip"), "install", "--quiet", *fresh, *constraints,
        str(package), at=folder,
    )  # fmt: skip
    timed("init", "nightloom", "init", nights.name, "--data", data.name, at=folder)
    try:
        listen = ("--prefect-port", str(ports[0]), "--mlflow-port", str(ports[1]))
        timed("up -d", "nightloom", "up", "-d", *listen)
        timed("deploy", "nightloom", "deploy", "--config", "deploy.yaml")
        night = ("prefect", "deployment", "run", "nightly/nightly", "--watch")
        timed("first night", *night, api=f"http://127.0.0.1:{ports[0]}/api")
        answer = timed("predict", "nightloom", "predict", "tickets", "my invoice was paid twice")
        [model] = json.loads(timed("models", "nightloom", "models", "--json"))
        label = json.loads(answer).get("label")
        if "champion" not in model["aliases"] or label is None:
            sys.exit(f"expected a champion that answers, got {model} and {answer}")
        show("model", {model["metric"]: model["value"], "answer": label})
    finally:
        if nights.exists():
            subprocess.run(
                ["nightloom", "up", "--down"], cwd=nights, env=environment, check=False,
                executable=str(commands / "nightloom"), capture_output=True,
            )  # fmt: skip
    del seconds["models"]
    return seconds


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
