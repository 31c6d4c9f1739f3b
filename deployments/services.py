"""The services of the local stack: how each is started and checked."""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from nightloom.deployments import passwords
from nightloom.home import Home
from nightloom.proxies import spare_this_machine
from nightloom.registry.store import plain
from nightloom.settings.tidy import MOST_DAYS
from nightloom.worker.environment import for_child

HOST = "127.0.0.1"
HEARTBEAT_SECONDS = 30
"""Prefect's minimum; a run that misses three of them is considered dead."""
QUERY_SECONDS = 3
"""How often the worker polls for due runs."""
VACUUM = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs,orphans",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(MOST_DAYS * 86_400),
}
"""Prefect's own services remove events after a week, logs and artifacts whose run was removed every
day, and runs after two years: `nightloom tidy` removes nightloom's after keep.days."""
INSTALLED = {"PYTHONSAFEPATH": "1"}
"""For servers and what they start: files of the current folder are no modules."""
MLFLOW_APP = "nightloom"
"""MLflow's plugin `nightloom.deployments.mlflow_app`, declared in pyproject.toml."""
EARLIER_NAMES = Path(__file__).parent / "earlier_names"
"""Where runs find the entry points that deployments from another version name."""


@dataclass(frozen=True)
class Service:
    """A process of the stack."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    is_up: Callable[[], bool]


@dataclass(frozen=True)
class Addresses:
    """The stack's addresses."""

    prefect_port: int
    mlflow_port: int

    @property
    def prefect(self) -> str:
        """Prefect's UI."""
        return f"http://{HOST}:{self.prefect_port}"

    @property
    def mlflow(self) -> str:
        """MLflow's UI, also its API."""
        return f"http://{HOST}:{self.mlflow_port}"


def prefect_server(home: Home, at: Addresses) -> Service:
    """The orchestrator, with its database in the home."""
    environment = {
        **_environment(
            home,
            without=(passwords.PREFECT_CLIENT, *passwords.OF_MLFLOW, *passwords.LOGIN_OF_MLFLOW),
            database=True,
        ),
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": _LEASES,
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "nightloom.deployments.ordering",
        **INSTALLED,
    }
    environment.pop("PREFECT_API_URL", None)
    for name, value in VACUUM.items():
        environment.setdefault(name, value)
    environment.setdefault("PREFECT_UI_API_URL", f"{at.prefect}/api")  # a proxy has another
    link_to(environment, at.prefect)
    command = (sys.executable, "-P", "-m", "prefect", "server", "start", "--host", HOST)
    return Service(
        "prefect",
        (*command, "--port", str(at.prefect_port)),
        environment,
        lambda: answers(f"{at.prefect}/api/health"),
    )


def mlflow_server(home: Home, at: Addresses) -> Service:
    """The registry, over the same store that runs without a server use.

    Files keep paths of the home in the store, so it can be read without the server, and vice versa;
    clients of the server get them from it.
    """
    files = plain(home.model_files).as_uri()
    command = (
        *(
            sys.executable,
            "-P",
            "-m",
            "mlflow",
            "server",
            "--host",
            HOST,
            "--port",
            str(at.mlflow_port),
        ),
        *("--backend-store-uri", f"sqlite:///{home.root / 'mlflow.db'}"),
        *("--serve-artifacts", "--default-artifact-root", files, "--artifacts-destination", files),
        *("--workers", "1", *(("--app-name", MLFLOW_APP) if has_mlflow_app() else ())),
    )
    without = (*passwords.OF_PREFECT, *passwords.LOGIN_OF_MLFLOW)
    environment = _environment(home, without=without) | passwords.of_mlflow(home) | INSTALLED
    environment.pop("MLFLOW_TRACKING_URI", None)
    environment.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    return Service("mlflow", command, environment, lambda: answers(f"{at.mlflow}/health"))


def has_mlflow_app() -> bool:
    """Whether this installation of nightloom tells MLflow of its app; one of before does not."""
    return any(one.name == MLFLOW_APP for one in entry_points(group="mlflow.app"))


def worker(home: Home, at: Addresses, *, pool: str, name: str) -> Service:
    """The worker, which runs each due flow run in its own process."""
    given = _environment(home, without=(passwords.PREFECT_SERVER, *passwords.OF_MLFLOW))
    environment = {
        **given,
        **passwords.of_clients(),
        "PREFECT_API_URL": f"{at.prefect}/api",
        "MLFLOW_TRACKING_URI": at.mlflow,
        "PYTHONPATH": os.pathsep.join(filter(None, [given.get("PYTHONPATH"), str(EARLIER_NAMES)])),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        "PREFECT_WORKER_QUERY_SECONDS": str(QUERY_SECONDS),
    }
    link_to(environment, at.prefect)
    command = (sys.executable, "-P", "-m", "prefect", "worker", "start", "--type", "process")
    return Service(
        "worker",
        (*command, "--pool", pool, "--name", name),
        environment,
        lambda: _is_online(at, pool, name),
    )


def link_to(environment: MutableMapping[str, str], prefect_url: str) -> None:
    """Let links, as in notifications, lead to a server's pages unless the environment names others,
    as where a proxy stands before it."""
    environment["PREFECT_UI_URL"] = environment.get("PREFECT_UI_URL") or pages_of(prefect_url)


def pages_of(prefect_url: str) -> str:
    """Where links into the UI of a Prefect server lead: to the one that its bare address opens.

    The older one has an empty page for who follows a link to it and is not logged in yet.
    """
    newer = os.environ.get("PREFECT_SERVER_UI_V2_ENABLED", "true")
    return prefect_url if newer.strip().lower() in _NO else f"{prefect_url}/v2"


_NO = ("0", "false", "f", "no", "n", "off")


def answers(url: str, *, seconds: float = 2) -> bool:
    """Whether a URL responds."""
    spare_this_machine()
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


_LEASES = "prefect.server.concurrency.lease_storage.filesystem"


_DATABASE = ("PREFECT_API_DATABASE_", "PREFECT_SERVER_DATABASE_")
"""Location and password of Prefect's database, which flow runs must not inherit."""


def _environment(home: Home, *, without: Collection[str], database: bool = False) -> dict[str, str]:
    """The environment of a service, with the home as an absolute path.

    without: variables that are not its business.
    """
    given = {
        name: value
        for name, value in os.environ.items()
        if name not in without and (database or not name.startswith(_DATABASE))
    }
    return {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        **for_child(given),
        "NIGHTLOOM_HOME": str(home.root),
        "PREFECT_HOME": str(home.root / "prefect"),
        "PYTHONUNBUFFERED": "1",
    }


def _is_online(at: Addresses, pool: str, name: str) -> bool:
    request = urllib.request.Request(
        f"{at.prefect}/api/work_pools/{pool}/workers/filter",
        data=b"{}",
        headers={"content-type": "application/json", **passwords.prefect_header()},
    )
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            workers: list[dict[str, Any]] = json.load(answer)
    except (OSError, ValueError):
        return False
    return any(one["name"] == name and one["status"] == "ONLINE" for one in workers)
