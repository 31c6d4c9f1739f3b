"""Nights on a Ray cluster of two machines: from its head, from a third machine that is not part of
it, and with a machine taken away in the middle."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from nightloom.deployments.services import Addresses, mlflow_server, prefect_server
from nightloom.home import Home
from tests.command import Done
from tests.hosts import Host, hosts, why_none

pytestmark = [
    pytest.mark.long("ray"),
    pytest.mark.skipif(
        find_spec("ray") is None, reason="Ray is not installed: pip install 'nightloom[ray]'"
    ),
    pytest.mark.skipif(bool(why_none()), reason=f"no hosts here: {why_none()}"),
]

AT = Addresses(4200, 5000)
SHARED = ("download_dataset", "check_data", "adapt_tokenizer", "encode")
SETTINGS = {
    "data": {"source": "sample", "limit": 64},
    "check": {"least": 5000},
    "model": {"length": 24},
}
TRAINING = {"epochs": 1, "batch_size": 8, "checkpoint_seconds": 0, "jit_compile": False}
LONG_TRAINING = {"epochs": 60, "batch_size": 4}
SOME_MINUTES, MANY_MINUTES = 300, 2400
WAIT = """
import sys, time, urllib.request
for url in sys.argv[1:]:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5)
            break
        except OSError:
            time.sleep(0.5)
    else:
        sys.exit(f"no answer from {url}")
"""
LOGS = """
import json, sys, httpx
wanted = {"logs": {"flow_run_id": {"any_": json.loads(sys.argv[2])}}, "limit": 200}
messages, offset = [], 0
while page := httpx.post(sys.argv[1], json={**wanted, "offset": offset}).raise_for_status().json():
    messages += [one["message"] for one in page]
    offset += len(page)
json.dump(messages, sys.stdout)
"""


@dataclass
class Cluster:
    """Ray's head and another node, and a machine outside."""

    head: Host
    node: Host
    outside: Host
    folder: Path
    environment: dict[str, str]
    trained: dict[str, set[int]] = field(default_factory=dict)
    """By a host's address, the processes that trained there in the last night."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def inside(self) -> str:
        """Where a machine of the cluster finds it."""
        return f"{self.head.address}:6379"

    @property
    def client(self) -> str:
        """Where one outside does."""
        return f"ray://{self.head.address}:10001"

    def start_ray(self, host: Host, *how: str) -> None:
        """Start a node that builds a stage at a time."""
        here = (f"--node-ip-address={host.address}", "--num-cpus=1")
        memory = "--object-store-memory=100000000"
        log = self.folder / f"ray-{host.address}.log"
        log.write_text("")
        started = host.start(
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *here, memory, *how),
            environment={**self.environment, "RAY_AUTH_MODE": "token"},
            log=log,
        )
        deadline = time.monotonic() + SOME_MINUTES
        while "Ray runtime started" not in log.read_text():
            assert started.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)

    def join(self) -> None:
        """Have the node in the cluster."""
        if not self.node.processes():
            self.node.power_on()
            self.start_ray(self.node, f"--address={self.inside}")

    def night(
        self,
        host: Host,
        seeds: range,
        address: str,
        training: Mapping[str, int] = TRAINING,
        **environment: str,
    ) -> "subprocess.Popen[str]":
        """Begin a night of a model for each seed."""
        models = [
            {
                "flow": "classify-transformer",
                "name": f"seed-{seed}",
                "settings": {**SETTINGS, "train": {**TRAINING, **training, "seed": seed}},
            }
            for seed in seeds
        ]
        config = self.folder / f"night-{seeds.start}.yaml"
        config.write_text(json.dumps({"models": models}))  # JSON is YAML
        engine = ("run.engine=ray", f"run.address={address}", "run.min_free_gb=0")
        return host.start(
            *(sys.executable, "-m", "nightloom", "run", "nightly", "--config", str(config)),
            *(*engine, "--json"),
            environment={**self.environment, **environment},
        )

    def to_its_end(self, run: "subprocess.Popen[str]") -> Done:
        """What a night says when it is done; where it trains is noted meanwhile."""
        told: list[tuple[str, str]] = []
        reader = threading.Thread(target=lambda: told.append(run.communicate()))
        reader.start()
        self.trained = {}
        deadline = time.monotonic() + MANY_MINUTES
        while reader.is_alive():
            if time.monotonic() > deadline:
                run.kill()
            for host in (self.head, self.node, self.outside):
                training = {one.pid for one in host.processes() if trains(one)}
                self.trained.setdefault(host.address, set()).update(training)
            reader.join(0.5)
        return Done(run.returncode, *told[0])

    def take_away(self, run: "subprocess.Popen[str]") -> None:
        """Switch the node off while it trains and has a checkpoint."""
        deadline = time.monotonic() + MANY_MINUTES
        while len(list(self.home.glob("checkpoints/train-*/latest.json"))) < 2:  # one on each
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline, list(self.home.glob("checkpoints/*"))
            time.sleep(0.1)
        assert any(trains(one) for one in self.node.processes())
        self.node.power_off()

    def logs(self, done: Done) -> list[str]:
        """What the models of a night wrote to Prefect's server."""
        runs = json.dumps([model["flow_run_id"] for model in done.report["models"]])
        url = f"{self.environment['PREFECT_API_URL']}/logs/filter"
        messages: list[str] = json.loads(self.head.run(sys.executable, "-c", LOGS, url, runs))
        return messages


def trains(process: psutil.Process) -> bool:
    """Whether a process is a worker of Ray that runs `train`."""
    try:
        return process.cmdline()[:1] == ["ray::train"] and bool(process.children())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    with (
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as name,  # sockets' paths are short
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        own = folder / "ray"
        own.mkdir()
        token = folder / "token"
        token.write_text("a token that only this test's cluster knows")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        home = Home(folder / "home")
        home.root.mkdir()
        with hosts(3, own) as (head, node, outside):
            kept = {
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("NIGHTLOOM_", "MLFLOW_", "PREFECT_", "RAY_"))
            }
            environment = {
                **kept,
                "NIGHTLOOM_HOME": str(home.root),
                "PREFECT_HOME": str(folder / "prefect"),
                "PREFECT_API_URL": f"http://{head.address}:{AT.prefect_port}/api",
                "MLFLOW_TRACKING_URI": f"http://{head.address}:{AT.mlflow_port}",
                "RAY_AUTH_TOKEN_PATH": str(token),
                "RAY_USAGE_STATS_ENABLED": "0",
            }
            for service in (prefect_server(home, AT), mlflow_server(home, AT)):
                log = folder / f"{service.name}.log"
                head.start(*service.command, environment=service.environment, log=log)
            proxy = str(Path(__file__).parents[1] / "proxy.py")
            for port in (AT.prefect_port, AT.mlflow_port):
                head.start(sys.executable, proxy, head.address, str(port), str(port))
            made = Cluster(head, node, outside, folder, environment)
            made.start_ray(head, "--head", "--include-dashboard=false", f"--temp-dir={own}")
            api, tracking = environment["PREFECT_API_URL"], environment["MLFLOW_TRACKING_URI"]
            outside.run(sys.executable, "-c", WAIT, f"{api}/health", f"{tracking}/health")
            yield made


@pytest.fixture
def cluster(machines: Cluster) -> Cluster:
    machines.join()
    return machines


def assert_three_models(done: Done) -> None:
    """A night of which everything was built, but what its models share."""
    assert done.code == 0, done.err
    assert done.report["state"] == "completed"
    for model in done.report["models"]:
        assert {"train", "evaluate", "register"} <= set(model["built"])
    assert len(done.report["models"]) == 3


def test_a_night_of_three_models_on_two_machines(cluster):
    done = cluster.to_its_end(cluster.night(cluster.head, range(1, 4), cluster.inside))
    assert_three_models(done)
    assert cluster.trained[cluster.head.address], "the head trained"
    assert cluster.trained[cluster.node.address], "the node trained"
    built = {stage: len(list((cluster.home / "artifacts" / stage).iterdir())) for stage in SHARED}
    assert set(built.values()) == {1}
    assert list((cluster.home / "locks").glob("*.lock")) == []
    again = cluster.to_its_end(cluster.night(cluster.node, range(1, 4), cluster.inside))
    assert [model["built"] for model in again.report["models"]] == [[], [], []], again.err


def test_a_night_from_a_machine_that_is_not_part_of_the_cluster(cluster):
    done = cluster.to_its_end(cluster.night(cluster.outside, range(4, 7), cluster.client))
    assert_three_models(done)
    assert not cluster.trained[cluster.outside.address], "nothing is built outside"
    assert cluster.trained[cluster.head.address] | cluster.trained[cluster.node.address]


@pytest.mark.parametrize("address", ["inside", "client"])
def test_another_token_than_the_clusters_is_one_line(cluster, address):
    address = getattr(cluster, address)
    for token, said in (("", "none"), ("a token from elsewhere", "another one")):
        (cluster.folder / "another").write_text(token)
        wrong = {"RAY_AUTH_TOKEN_PATH": str(cluster.folder / "another")}
        run = cluster.night(cluster.outside, range(1, 4), address, **wrong)
        out, err = run.communicate(timeout=SOME_MINUTES)
        assert run.returncode == 2, err
        assert json.loads(out)["state"] == "failed"
        [line] = err.strip().splitlines()
        expected = f"error: expected the token of the Ray cluster at {address}, got {said}; "
        assert line.startswith(expected)


def test_a_machine_that_is_taken_away_in_the_middle(cluster):
    run = cluster.night(cluster.head, range(7, 10), cluster.inside, LONG_TRAINING)
    try:
        cluster.take_away(run)
        done = cluster.to_its_end(run)
    finally:
        run.kill()
    assert_three_models(done)
    assert cluster.node.processes() == []
    logs = cluster.logs(done)
    assert sum(one.startswith("train: built on ") for one in logs) == 4, "the lost one again"
    assert sum(one.startswith("resuming at epoch") for one in logs) == 1
    assert list((cluster.home / "locks").glob("*.lock")) == []
    assert list((cluster.home / "checkpoints").iterdir()) == []
