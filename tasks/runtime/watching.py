"""A watch: the night is started when the source of one of its models has changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from nightloom.cache.canonical import digest_of
from nightloom.data.sources.watched import note
from nightloom.errors import InputError, RunError
from nightloom.home import Home
from nightloom.settings.nightly import NightlyModel, NightlySettings
from nightloom.settings.parse import validate
from nightloom.tasks.runtime.announcing import announce_data
from nightloom.tasks.runtime.noted import Look
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.one_line import keep_to_one_line

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

keep_to_one_line()


class WatchJson(TypedDict):
    """The JSON of a watch's run."""

    flow: str
    night: str
    """The deployment that it starts."""
    state: str
    """`unchanged`, `changed` or `unreachable`, with what became of it."""
    started: str | None
    """The id of the night's run."""
    models: list[dict[str, Any]]
    """`Look.to_json` of each."""


class Watch:
    """The night that a watch may start."""

    def __init__(self, night: str) -> None:
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound

        self._night = night
        with get_client(sync_client=True) as client:
            try:
                self._deployment = client.read_deployment_by_name(night)
            except (ObjectNotFound, ValueError):
                raise InputError(
                    f"expected the deployment {night} on the server, got none of that name; "
                    "`nightloom deploy` creates nightly/nightly"
                ) from None
        settings = self._deployment.parameters.get("settings") or {}
        self.models: tuple[NightlyModel, ...] = validate(NightlySettings, settings).models

    def over(self, looks: Sequence[Look]) -> WatchJson:
        """Start the night if a source changed, and none runs; the run's name says the outcome."""
        from prefect.client.orchestration import get_client

        for one in looks:
            said = f"{one.model}: {one.source}: {one.state}{f': {one.told}' if one.told else ''}"
            (observers().warn if one.state == "unreachable" else observers().log)(said)
        changed = [one for one in looks if one.state == "changed"]
        away = [one.model for one in looks if one.state == "unreachable"]
        state, started = "unchanged", None
        with get_client(sync_client=True) as client:
            if changed:
                state = f"changed: {', '.join(one.model for one in changed)}"
                if why := self._held_up(client):
                    observers().log(f"no night is started: {why}")
                    state = f"{state}; {why}"
                else:
                    started = str(self._start(client, changed).id)
            if away:
                told = f"unreachable: {', '.join(away)}"
                state = told if state == "unchanged" else f"{state}; {told}"
            _call_run(client, state)
        return {
            "flow": "watch",
            "night": self._night,
            "state": state,
            "started": started,
            "models": [one.to_json() for one in looks],
        }

    def _held_up(self, client: "SyncPrefectClient") -> str:
        """Why no night is started now, so that the next look tries again; '' if nothing is."""
        if self._deployment.paused:
            return f"{self._night} is paused"
        going = _going(client, self._deployment.flow_id)
        return f"a night already runs ({going.name})" if going else ""

    def _start(self, client: "SyncPrefectClient", changed: Sequence[Look]) -> "FlowRun":
        """Start the night once, however often this is tried for the same change."""
        keys = {one.model: [list(one.since), dict(one.identity or {})] for one in changed}
        run = client.create_flow_run_from_deployment(
            self._deployment.id, idempotency_key=f"nightloom.watch {digest_of(keys)}"
        )
        home = Home.current()
        for one in changed:
            if one.identity is None:
                raise RunError(f"expected the identity of {one.source}")
            note(home, "known", one.model, one.identity)
            announce_data(one.model, one.source, one.told, night=str(run.id))
        observers().log(f"started {self._night}: run {run.name}")
        return run


def watch_name() -> str:
    """The name of a watch's run when it begins: its local start time."""
    from prefect.runtime import flow_run

    return f"watch {flow_run.scheduled_start_time.astimezone():%Y-%m-%d %H:%M}"


def _call_run(client: "SyncPrefectClient", state: str) -> None:
    """Say the outcome in the name of this run."""
    from prefect.runtime import flow_run

    if flow_run.id:
        client.update_flow_run(flow_run.id, name=f"{watch_name()} {state}"[:200])


def _going(client: "SyncPrefectClient", flow_id: Any) -> "FlowRun | None":
    """A run of the night that is going on, or is due."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterId, FlowRunFilter
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    types = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING, StateType.SCHEDULED)
    found = client.read_flow_runs(
        flow_filter=FlowFilter(id=FlowFilterId(any_=[flow_id])),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": list(types)}}}),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=200,
    )
    now = datetime.now(UTC)
    for run in found:
        is_due = run.expected_start_time is None or run.expected_start_time <= now
        if run.state and (run.state.type != StateType.SCHEDULED or is_due):
            return run
    return None
