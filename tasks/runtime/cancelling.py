"""A run stopped from outside: training saves a checkpoint, the server is told it is cancelled.

While a process ends, its flows' threads must not report anything else to the server: their
requests go through a gate, which is closed first.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from nightloom.ending import begin_to_end, hold, is_ending, kill_below
from nightloom.worker.client import interrupt_all

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GATE_SECONDS = 0.7
"""How long a pending request may take."""
TELL_SECONDS = 4.0
"""Time after the stop request when waiting for the server ends."""
ANSWER_SECONDS = 2.0
SETTLE_SECONDS = 1.0
"""The server learns of a stage that has just begun from an event, slightly later."""

interrupts: "set[Callable[[], None]]" = set()
"""Called on a stop, in addition to ending local builds: end builds running elsewhere."""


class _Gate:
    """Counts requests to the server; none begins once it is closed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False
        self.made: list[UUID] = []
        """Flow runs that this process made."""

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        with self._changed:
            closed = self._closed
            self._inside += not closed
        if closed:
            hold()
        try:
            yield
        finally:
            with self._changed:
                self._inside -= not closed
                self._changed.notify_all()

    def close(self, *, seconds: float) -> None:
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._inside == 0, timeout=seconds)


_gate = _Gate()


@contextlib.contextmanager
def recorded() -> Iterator[None]:
    """Inside, `stop` knows the flow runs of this thread and those it starts."""
    from prefect.context import SyncClientContext

    with SyncClientContext.get_or_create() as context:
        client: Any = context.client
        if "create_flow_run" in vars(client):  # by a flow around this one
            yield
            return
        create, change = client.create_flow_run, client.set_flow_run_state

        def create_flow_run(*arguments: Any, **named: Any) -> Any:
            with _gate.passing():
                made = create(*arguments, **named)
                _gate.made.append(made.id)
            return made

        def set_flow_run_state(*arguments: Any, **named: Any) -> Any:
            with _gate.passing():
                return change(*arguments, **named)

        client.create_flow_run = create_flow_run
        client.set_flow_run_state = set_flow_run_state
        try:
            yield
        finally:
            del client.create_flow_run, client.set_flow_run_state


@contextlib.contextmanager
def cancellable() -> Iterator[None]:
    """Inside, in a process started by a Prefect worker, signals cancel the run.

    A worker sends SIGTERM for *Cancel* in the UI, and when it is stopped itself. Prefect's handler
    would abort everything, and call the run crashed unless *Cancel* was used.
    """
    root = os.environ.get("PREFECT__FLOW_RUN_ID")
    if not root or threading.current_thread() is not threading.main_thread():
        yield
        return
    if UUID(root) not in _gate.made:
        _gate.made.append(UUID(root))
    before = {number: signal.signal(number, _end) for number in SIGNALS}
    try:
        with recorded():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: object) -> None:
    if is_ending():
        os._exit(128 + number)
    told = stop(f"stopped by {signal.Signals(number).name}")
    kill_below(os.getpid())
    os._exit(0 if told else 128 + number)  # the worker takes anything but 0 for a crash


def stop(why: str) -> bool:
    """End what this process runs; to be called by the thread that then ends the process.

    Takes about four seconds at most, for a checkpoint and a slow server. Returns whether the
    server knows that all flow runs are cancelled.
    """
    begin_to_end()
    saved, told = threading.Event(), threading.Event()
    telling = threading.Thread(target=_tell, args=(why, saved, told), daemon=True)
    telling.start()
    saving = [threading.Thread(target=one, daemon=True) for one in (interrupt_all, *interrupts)]
    deadline = time.monotonic() + TELL_SECONDS
    for thread in saving:
        thread.start()
    for thread in saving:
        thread.join(max(0.0, deadline - time.monotonic()))
    saved.set()
    telling.join(max(0.3, deadline - time.monotonic()))
    return told.is_set()


def _tell(why: str, saved: threading.Event, told: threading.Event) -> None:
    since = datetime.now(UTC)
    _gate.close(seconds=GATE_SECONDS)
    if not _gate.made:
        told.set()
        return
    from prefect.client.orchestration import get_client

    with (
        contextlib.suppress(Exception),
        get_client(sync_client=True, httpx_settings={"timeout": ANSWER_SECONDS}) as client,
    ):
        cancel_flow_runs(client, _gate.made, why, since)
        told.set()
        settled, last = time.monotonic() + SETTLE_SECONDS, False
        while not last:
            last = saved.is_set() and time.monotonic() >= settled
            cancel_task_runs(client, _gate.made, why, since)
            time.sleep(0.2)


def cancel_flow_runs(client: Any, ids: list[UUID], why: str, since: datetime) -> None:
    """Mark flow runs that are running, or ended `since`, as cancelled; latest first."""
    from prefect.states import Cancelled

    for one in reversed(ids):
        if _goes_on(client.read_flow_run(one).state, since):
            client.set_flow_run_state(one, Cancelled(message=why), force=True)


def cancel_task_runs(client: Any, ids: list[UUID], why: str, since: datetime) -> None:
    """Mark task runs of flow runs that are running, or ended `since`, as cancelled."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.states import Cancelled

    ours = FlowRunFilter(id=FlowRunFilterId(any_=ids))
    for run in client.read_task_runs(flow_run_filter=ours):
        if _goes_on(run.state, since):
            client.set_task_run_state(run.id, Cancelled(message=why), force=True)


def _goes_on(state: Any, since: datetime) -> bool:
    """Whether a run is still active, or was ended by the signal that cancels it."""
    if state is None or not state.is_final():
        return True
    return bool(state.is_crashed() and state.timestamp >= since)
