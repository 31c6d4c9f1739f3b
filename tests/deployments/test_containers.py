"""Runs in pools of containers: the job that Prefect's worker makes of one, its command run here,
its environment, and where a password is in it. No daemon and no cluster is needed.

The workers' packages are no dependencies: `pip install prefect-docker prefect-kubernetes`.
"""

import asyncio
import base64
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

docker = pytest.importorskip("prefect_docker.worker", reason="prefect-docker is not installed")
kubernetes = pytest.importorskip(
    "prefect_kubernetes.worker", reason="prefect-kubernetes is not installed"
)

IMAGE = "registry.example.org/nightloom:1"
WATCH = "watch/nightly-watch"
PREFECT, MLFLOW = "night:only for this 1", "only for this test 2"
LOGIN = {
    "MLFLOW_TRACKING_URI": "https://nights.example:5443",
    "MLFLOW_TRACKING_USERNAME": "admin",
    "MLFLOW_TRACKING_PASSWORD": "{{ prefect.blocks.secret.mlflow-password }}",
}
WORKERS = {"docker": docker.DockerWorker, "kubernetes": kubernetes.KubernetesWorker}


async def _job(kind: str, deployment: str, settings: Any) -> tuple[str, Any]:
    """A run of a deployment, and the job that a worker with a login makes of it."""
    async with get_client() as client:
        pool = await client.read_work_pool(kind)
        found = await client.read_deployment_by_name(deployment)
        assert found.work_pool_name == kind
        given = {} if settings is None else {"settings": settings}
        run = await client.create_flow_run_from_deployment(found.id, parameters=given)
        flow = await client.read_flow(found.flow_id)
        job = await WORKERS[kind].job_configuration.from_template_and_values(
            base_job_template=pool.base_job_template,
            values=dict(found.job_variables or {}),
            client=client,
        )
        with temporary_settings({PREFECT_API_AUTH_STRING: PREFECT}):
            job.prepare_for_flow_run(run, found, flow, pool, "one")
        return str(run.id), job


def job(kind: str, deployment: str = WATCH, settings: Any = None) -> tuple[str, Any]:
    return asyncio.run(_job(kind, deployment, settings))


def command(kind: str, made: Any) -> list[str]:
    if kind == "docker":
        return shlex.split(made.command)
    [container] = made.job_manifest["spec"]["template"]["spec"]["containers"]
    return list(container["args"])


def started(kind: str, made: Any, folder: Path) -> "subprocess.Popen[str]":
    """The command of a job with its environment, as in an image with nightloom: none of this
    process' variables, and a folder of its own."""
    program, *arguments = command(kind, made)
    given = {**environment(kind, made), "NIGHTLOOM_HOME": str(folder / "home")}
    (folder / "empty").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **given},
        cwd=folder / "empty",
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(params=list(WORKERS))
def kind(request: pytest.FixtureRequest, deploy: Any) -> str:
    """A pool of the kind, to which all is moved, the watch too."""
    pool = str(request.param)
    deploy("nightly.watch=15m")
    deploy(f"pool.name={pool}", f"pool.type={pool}", f"pool.image={IMAGE}")
    return pool


def environment(kind: str, made: Any) -> dict[str, str]:
    if kind == "docker":
        return dict(made.env)
    container = made.job_manifest["spec"]["template"]["spec"]["containers"][0]
    return {one["name"]: one["value"] for one in container["env"]}


def test_a_look_in_a_container_is_the_same_look(kind, client, prefect_api, tmp_path):
    run, made = job(kind)
    if kind == "docker":
        assert made.image == IMAGE and made.volumes == ["/srv/nightloom:/nightloom"]
        assert made.get_network_mode() == "host"
    else:
        pod = made.job_manifest["spec"]["template"]["spec"]
        assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "nightloom-home"}
        assert pod["containers"][0]["image"] == IMAGE
    given = environment(kind, made)
    assert given["NIGHTLOOM_HOME"] == "/nightloom"
    assert given["PREFECT_API_URL"] == prefect_api
    process = started(kind, made, tmp_path)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    found = client.read_flow_run(run)
    assert found.state.name == "Completed", found.state.message
    assert found.name.startswith("watch ")


ENDED = {"docker": "Crashed", "kubernetes": "AwaitingRetry"}
LONG = {
    "data": {"source": "sample", "limit": 400},
    "check": {"least": 5000},
    "model": {"length": 24},
    "train": {"epochs": 9000, "batch_size": 4, "checkpoint_seconds": 0, "jit_compile": False},
}


def test_a_run_whose_container_is_ended_is_begun_again(kind, client, tmp_path):
    run, made = job(kind, "classify-transformer/classify-transformer", LONG)
    process = started(kind, made, tmp_path)
    try:
        deadline = time.monotonic() + 300
        while not list((tmp_path / "home" / "checkpoints").glob("train-*/*")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.5)
        process.terminate()
        process.communicate(timeout=120)
    finally:
        process.kill()
    while (found := client.read_flow_run(run)).state.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert found.state.name == ENDED[kind]


def test_a_job_has_the_worker_s_login_and_the_server_has_none(kind, client, prefect_api):
    Secret(value=MLFLOW).save("mlflow-password", overwrite=True)
    template = client.read_work_pool(kind).base_job_template
    template["variables"]["properties"]["env"]["default"] |= LOGIN
    client.request("PATCH", f"/work_pools/{kind}", json={"base_job_template": template})
    _, made = job(kind)
    given = environment(kind, made)
    assert given["PREFECT_API_AUTH_STRING"] == PREFECT
    assert given["MLFLOW_TRACKING_PASSWORD"] == MLFLOW
    assert given["MLFLOW_TRACKING_URI"] == LOGIN["MLFLOW_TRACKING_URI"]
    told = [client.request("POST", f"/{of}/filter", json={}).text for of in
            ("deployments", "work_pools", "flow_runs")]  # fmt: skip
    assert not [one for one in told if PREFECT in one or MLFLOW in one]


class Cluster(BaseHTTPRequestHandler):
    """Takes what is created, as a cluster does, and has it."""

    created: dict[str, Any]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body["metadata"] = {"name": "made", "uid": "1", **body["metadata"]}
        self.created[body["kind"]] = body
        self._answer(201, body)

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, self.created["Secret"])

    def _answer(self, status: int, body: Any) -> None:
        out = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[tuple[str, dict[str, Any]]]:
    created: dict[str, Any] = {}
    handler = type("Handler", (Cluster,), {"created": created})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", created
        finally:
            server.shutdown()


def test_kubernetes_keeps_the_environment_in_a_secret_where_the_worker_is_told_to(
    deploy, cluster, monkeypatch
):
    from kubernetes_asyncio.client import ApiClient, Configuration

    deploy("nightly.watch=15m")
    deploy("pool.name=kubernetes", "pool.type=kubernetes", f"pool.image={IMAGE}")
    monkeypatch.setenv("PREFECT_INTEGRATIONS_KUBERNETES_WORKER_STORE_ENV_AS_SECRET", "true")
    url, created = cluster
    _, made = job("kubernetes")

    async def submit() -> None:
        worker = kubernetes.KubernetesWorker(work_pool_name="kubernetes")
        async with ApiClient(Configuration(host=url)) as api:
            await worker._create_job(made, api)

    asyncio.run(submit())
    assert PREFECT not in json.dumps(created["Job"])
    [container] = created["Job"]["spec"]["template"]["spec"]["containers"]
    name = created["Secret"]["metadata"]["name"]
    assert container["envFrom"] == [{"secretRef": {"name": name}}]
    secret = created["Secret"]
    kept = {k: base64.b64decode(v).decode() for k, v in (secret.get("data") or {}).items()}
    kept |= secret.get("stringData") or secret.get("string_data") or {}
    assert kept["PREFECT_API_AUTH_STRING"] == PREFECT
    assert kept["NIGHTLOOM_HOME"] == "/nightloom"


GPU = {
    "docker": ("container_create_kwargs", {"device_requests": [{"Count": -1}]}),
    "kubernetes": ("limits", {"nvidia.com/gpu": "1"}),
}


def test_gpus_are_for_nights_and_not_for_looks(kind, deploy, client):
    variable, asked = GPU[kind]
    template = client.read_work_pool(kind).base_job_template
    template["variables"]["properties"][variable]["default"] = asked
    client.request("PATCH", f"/work_pools/{kind}", json={"base_job_template": template})
    watch = client.read_deployment_by_name(WATCH)
    client.request("PATCH", f"/deployments/{watch.id}", json={"job_variables": {variable: {}}})
    deploy("nightly.cron=0 4 * * *")

    def gpus(deployment: str) -> Any:
        made = job(kind, deployment)[1]
        if kind == "docker":
            return made.container_create_kwargs
        pod = made.job_manifest["spec"]["template"]["spec"]
        return pod["containers"][0]["resources"].get("limits")

    assert gpus("nightly/nightly") == asked
    assert not gpus(WATCH)
