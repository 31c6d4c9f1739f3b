"""Nights that no worker took while it was away are one: the first that runs is all of them, for the
day of the last."""

from datetime import UTC, date, datetime
from typing import Any

from nightloom.counted import counted
from nightloom.tasks.runtime.days import night_of_run
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.planning import is_planning


def day_after_missed() -> date:
    """The day that this night is for: that of its start, or of the last of the missed ones.

    Those are the other runs of its schedule with the same parameters that are due and were never
    started; they are cancelled. Nothing here may fail the night.
    """
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    day = night_of_run()
    if is_planning() or not flow_run.id:
        return day
    try:
        with get_client(sync_client=True) as client:
            missed = cancel_missed(client, flow_run.id)
    except Exception as error:
        observers().warn(f"missed nights could not be looked for: {type(error).__name__}: {error}")
        return day
    last = max((one.astimezone(UTC).date() for one in missed), default=day)
    if missed:
        told = counted(len(missed), "missed nights are one with this")
        observers().log(f"{told}, for {max(day, last)}")
    return max(day, last)


def cancel_missed(client: Any, run_id: Any) -> list[datetime]:
    """Cancel the missed nights that the run of that id stands for; when each was due.

    Of a run that is retried, those that it cancelled before are among them.
    """
    from prefect.states import Cancelled

    this = client.read_flow_run(run_id)
    if this.deployment_id is None:
        return []
    wanted = {
        "flow_runs": {
            "deployment_id": {"any_": [str(this.deployment_id)]},
            "state": {"type": {"any_": ["SCHEDULED", "CANCELLED"]}},
            "tags": {"all_": ["auto-scheduled"]},
            "expected_start_time": {"before_": datetime.now(UTC).isoformat()},
        },
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": 200,
    }
    why = f"missed; run {this.name} ({this.id}) is made for it"
    found = []
    for one in client.request("POST", "/flow_runs/filter", json=wanted).json():
        other = client.read_flow_run(one["id"])
        if other.state.is_scheduled():
            is_same = other.parameters == this.parameters
            if other.id == this.id or other.run_count or not is_same:
                continue
            state: Any = Cancelled(message=why)
            client.set_flow_run_state(other.id, state)
        elif other.state.message != why:
            continue
        found.append(other.expected_start_time)
    return found
