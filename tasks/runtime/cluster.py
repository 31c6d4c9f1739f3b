"""`run.engine=ray`: a night on a Ray cluster, models in parallel, stages wherever there is room.

The stage cache works across machines as it does across processes, through the shared home. Ray
adds that a stage whose process or machine is lost is retried, and training resumes.
"""

import contextlib
import contextvars
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from nightloom.accelerators import Accelerator, of_ray
from nightloom.cache.artifact import Artifact
from nightloom.counted import counted
from nightloom.ending import hold
from nightloom.errors import InputError, RunError
from nightloom.home import Home
from nightloom.settings.nightly import RunSettings
from nightloom.tasks.runtime.call import Order
from nightloom.tasks.runtime.cancelling import interrupts
from nightloom.tasks.runtime.cluster_token import use_token
from nightloom.tasks.runtime.engine import Done, Engine, Item
from nightloom.tasks.runtime.observer import observers

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.futures import PrefectFuture
    from prefect.states import State

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",
}
"""Set before Ray is imported, unless the user set them: no telemetry, no warning about GPUs, only
the requested cluster."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
INTERRUPT_SECONDS = 3.8
"""How long stages on the cluster may take to save and exit."""
REACH_SECONDS = 10.0
"""How long a cluster may take to answer a call."""


class RayEngine(Engine):
    """Runs each model's flow in a thread of this process, and builds stages on the cluster."""

    def __init__(self, ray: ModuleType, settings: RunSettings) -> None:
        self._ray = ray
        self._retries = settings.retries
        self._running: set[Any] = set()
        self._gpus = ray.cluster_resources().get("GPU", 0) >= 1

    def each(self, work: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
        """All in parallel; when this process is stopped, so is its work on the cluster."""
        items = list(items)
        with ThreadPoolExecutor(len(items), thread_name_prefix="model") as threads:
            running = [threads.submit(contextvars.copy_context().run, work, one) for one in items]
            try:
                return [one.result() for one in running]
            except BaseException:
                self.interrupt()
                self._ray.shutdown()  # else the threads would wait for their stages
                raise

    def interrupt(self) -> None:
        """Let stages on the cluster save and exit; kill those that do not within seconds."""
        running = list(self._running)
        with contextlib.suppress(Exception):
            for one in running:
                self._ray.cancel(one, force=False)
            if running:
                self._ray.wait(running, num_returns=len(running), timeout=INTERRUPT_SECONDS)
            for one in self._running:
                self._ray.cancel(one, force=True)

    def flow(self, flow: "Flow[..., Any]") -> "Flow[..., Any]":
        """The flow with Ray as its task runner."""
        from prefect_ray import RayTaskRunner

        return flow.with_options(task_runner=RayTaskRunner())

    def gpu(self) -> Accelerator | None:
        """The cluster's GPUs."""
        if not self._gpus:
            return None
        kind = "accelerator_type:"
        there = self._ray.cluster_resources()
        return of_ray(sorted(name.removeprefix(kind) for name in there if name.startswith(kind)))

    def call(self, order: Order) -> "State[Artifact]":
        """Run it on the cluster; retry if its process or machine is lost."""
        from prefect_ray.context import remote_options

        with remote_options(
            num_gpus=1 if order.gpu and self._gpus else 0,
            max_retries=self._retries,
            scheduling_strategy="SPREAD",
        ):
            future = order.task.submit(order.call, order.inputs)
        reference = cast("Any", future).wrapped_future
        self._running.add(reference)
        try:
            future.wait()
            hold()
        finally:
            self._running.discard(reference)
        state = cast("State[Artifact]", future.state)
        return self._lost(order.call.stage, future) if state.is_crashed() else state

    def _lost(self, stage: str, future: "PrefectFuture[Artifact]") -> "State[Artifact]":
        """The state of a stage that the cluster gave up, also sent to the server."""
        from prefect.client.orchestration import get_client
        from prefect.states import Crashed

        said = " ".join((future.state.message or "").split())[:300]
        message = f"{stage} failed on the cluster, which tried {self._retries + 1} times: {said}"
        try:
            with get_client(sync_client=True) as client:
                client.set_task_run_state(future.task_run_id, Crashed(message=message), force=True)
        except Exception as error:
            observers().warn(f"the state of {stage} could not be sent: {error}")
        return cast("State[Artifact]", Crashed(message=message, data=RunError(message)))


@contextlib.contextmanager
def cluster(settings: RunSettings) -> Iterator[RayEngine]:
    """Connect to the cluster, or start a local one; disconnect at the end.

    Raises:
        InputError: Ray is not installed, or the named cluster does not exist.
    """
    address = settings.address or os.environ.get("RAY_ADDRESS") or "local"
    ray = _ray(address, settings.retries)
    api = _api()
    with contextlib.ExitStack() as connected:
        # Ray prints its messages on standard output, where a run's result belongs
        connected.enter_context(contextlib.redirect_stdout(sys.stderr))
        with _same_handler():
            _connect(ray, address, api)
        connected.callback(ray.shutdown)
        nodes = [node for node in ray.nodes() if node.get("Alive")]
        _check_reach(api, {node["NodeManagerAddress"] for node in nodes})
        gpus = ray.cluster_resources().get("GPU", 0)
        told = f"{counted(len(nodes), 'nodes')} with {counted(round(gpus), 'GPUs')}"
        observers().log(f"a Ray cluster of {told}")
        engine = RayEngine(ray, settings)
        interrupts.add(engine.interrupt)
        connected.callback(interrupts.discard, engine.interrupt)
        yield engine


def _ray(address: str, retries: int) -> ModuleType:
    """The package, set up for this address: it reads its environment on import."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("RAY_task_oom_retries", str(retries))
    if address == "local" or (address != "auto" and _is_here_alone(address)):
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import prefect_ray  # noqa: F401
        import ray
    except ImportError:
        raise InputError(
            "run.engine=ray needs Ray, which is not installed; pip install 'nightloom[ray]'"
        ) from None
    return ray


def _is_here_alone(address: str) -> bool:
    """Whether a cluster listens on 127.0.0.1 only: Ray would look for it at this machine's own
    address. A variable named after other systems makes it take the address as is. A cluster that
    asks for a token is sent ours.

    Raises:
        InputError: Nothing listens there, or what does has another token; Ray itself would retry
            for many minutes.
    """
    try:
        there = urlsplit(address if "://" in address else f"//{address}")
        host, port = there.hostname or "", there.port or 0
    except ValueError as error:
        raise _no_cluster(address, str(error)) from None
    own = _own_address()
    elsewhere = host in LOOPBACK and not there.scheme and _listens(own, port)
    if elsewhere:
        there = urlsplit(f"//{own}:{port}")
    elif not _listens(host, port):
        raise _no_cluster(address, "no answer")
    use_token(address, there, seconds=REACH_SECONDS)
    return host in LOOPBACK and not elsewhere


def _own_address() -> str:
    """This machine's address as seen from outside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return LOOPBACK[0]
        return str(probe.getsockname()[0])


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=REACH_SECONDS):
            return True
    except OSError:
        return False


def _no_cluster(address: str, said: str) -> InputError:
    return InputError(
        f"expected a Ray cluster at {address}, got {said}; "
        "start one with `ray start --head`, or see run.address"
    )


def _api() -> str:
    """The Prefect server of this run, possibly ephemeral."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return str(client.api_url).rstrip("/")


@contextlib.contextmanager
def _same_handler() -> Iterator[None]:
    """Restore our SIGTERM handler, which Ray replaces in the main thread."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _connect(ray: ModuleType, address: str, api: str) -> None:
    try:
        ray.init(
            address=address,
            namespace="nightloom",
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": _environment(api), **_interpreter(address)},
            **({"include_dashboard": False} if address == "local" else {}),
        )
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise _no_cluster(address, f"{type(error).__name__}: {said}") from error


def _interpreter(address: str) -> dict[str, str]:
    """This Python, quoted, if Ray could not start it here: it gives its path to a shell as is."""
    quoted = shlex.quote(sys.executable)
    if quoted == sys.executable:
        return {}
    host = urlsplit(address if "://" in address else f"//{address}").hostname
    is_here = host in ("local", "auto", *LOOPBACK, _own_address())
    return {"py_executable": quoted} if is_here else {}


def _environment(api: str) -> dict[str, str]:
    """Environment for the cluster's processes: the same home, the same servers."""
    home = Home.current()
    passed = {name: value for name, value in os.environ.items() if name.startswith("NIGHTLOOM_")}
    return {
        **passed,
        "NIGHTLOOM_HOME": str(home.root),
        "MLFLOW_TRACKING_URI": home.tracking_uri,
        "PREFECT_API_URL": api,
    }


def _check_reach(api: str, machines: set[str]) -> None:
    """Refuse a server that only this machine can reach if the cluster has others."""
    if len(machines) > 1 and urlsplit(api).hostname in LOOPBACK:
        raise InputError(
            f"expected a Prefect server that {len(machines)} machines can reach, got {api}; "
            "set PREFECT_API_URL"
        )
