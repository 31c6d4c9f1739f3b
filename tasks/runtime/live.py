"""Live progress of long stages in Prefect's UI: one progress artifact each.

A separate thread writes only the latest state: a slow server must not slow down training.
"""

import contextvars
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from nightloom.tasks.runtime.announcing import slug
from nightloom.tasks.runtime.observer import NullObserver
from nightloom.tasks.runtime.pace import Pace, spoken

FIRST_SECONDS = 3.0
"""A shorter stage gets no artifact."""
UPDATE_SECONDS = 5.0


@dataclass(frozen=True)
class _State:
    percent: float
    text: str


class LiveProgress(NullObserver):
    """Shows progress of one flow run's stages; Prefect itself shows tasks and logs."""

    def __init__(self, flow_run_id: str, name: str) -> None:
        self._flow_run_id = UUID(flow_run_id)
        self._name = name
        self._pace = Pace()
        self._states: dict[str, _State] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._since: dict[str, float] = {}

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """Record a stage's progress; returns at once."""
        left = self._pace.remaining(what, done, total)
        began = self._since.setdefault(what, time.monotonic())
        if not total or time.monotonic() - began < FIRST_SECONDS:
            return
        said = [f"{done:,.0f} of {total:,.0f} {unit}", *spoken(facts, left)]
        state = _State(min(100.0, 100 * done / total), f"{what}: " + ", ".join(said))
        with self._changed:
            self._states[what] = state
            self._changed.notify()
        if self._thread is None:
            run = contextvars.copy_context().run  # the thread talks to the server of this run
            self._thread = threading.Thread(target=run, args=(self._write,), daemon=True)
            self._thread.start()

    def end(self, *, seconds: float = 5.0) -> None:
        """Write what is left, for at most this many seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=seconds)

    def _write(self) -> None:
        from prefect.client.orchestration import get_client

        written: dict[str, UUID] = {}
        with get_client(sync_client=True) as client:
            while True:
                with self._changed:
                    while not self._states and not self._closed:
                        self._changed.wait()
                    states, self._states = self._states, {}
                    if not states:
                        return
                for what, state in states.items():
                    try:
                        self._send(client, written, what, state)
                    except Exception:
                        continue  # the next state includes it
                if not self._closed:
                    with self._changed:
                        self._changed.wait_for(lambda: self._closed, timeout=UPDATE_SECONDS)

    def _send(self, client: Any, written: dict[str, UUID], what: str, state: _State) -> None:
        from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

        if what in written:
            update = ArtifactUpdate(data=state.percent, description=state.text)
            client.update_artifact(written[what], update)
            return
        made = client.create_artifact(
            ArtifactCreate(
                key=slug(self._name, "progress", what),
                type="progress",
                description=state.text,
                data=state.percent,
                flow_run_id=self._flow_run_id,
            )
        )
        written[what] = made.id
