"""The automations: notifications, and handling of runs whose process died."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from nightloom.settings.deploy import RerunSettings
from nightloom.tasks.runtime.announcing import (
    CANDIDATE_REFUSED,
    CHAMPION_CHANGED,
    CHAMPION_FELL,
    DATA_REFUSED,
    DISK_LOW,
    RUN_LONG,
)
from nightloom.tasks.runtime.run import TAG
from nightloom.tasks.runtime.subflow import MODEL_TAG

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

RUN = "prefect.flow-run"
RERUN = "nightloom: crashed run again"
SILENT = "nightloom: run fell silent"
PENDING = "nightloom: run does not start"
DEADLINE = "nightloom: no result by the deadline"
GONE = "nightloom: worker gone"
WAITS = ("Scheduled", "AwaitingConcurrencySlot", "AwaitingRetry", "Late")
ENDS = ("Completed", "Failed", "TimedOut", "Crashed", "Cancelled", "Cancelling", "Paused")

LINK = "{% if flow_run|ui_url %}\n{{ flow_run|ui_url }}{% endif %}"
"""A separate line, if the server knows the address of its UI (PREFECT_UI_URL)."""
RED = (
    "{{ flow_run.name }} of {{ flow.name }} is {{ flow_run.state.name }}",
    "{{ flow_run.state.message }}" + LINK,
)
LATE = (
    "{{ flow_run.name }} of {{ flow.name }} is late",
    "It should have started at {{ flow_run.expected_start_time }}: is a worker up?" + LINK,
)
CHAMPION = (
    "{% if event.payload.version %}new champion of {{ event.payload.name }}: version "
    "{{ event.payload.version }}{% else %}{{ event.payload.name }} has no champion{% endif %}",
    "{{ event.payload.reason }}"
    "{% if event.payload.model_url %}\n{{ event.payload.model_url }}{% endif %}",
)
STUCK = (
    "{{ flow_run.name }} of {{ flow.name }} does not start",
    "A worker took it and has not started it since (rerun.pending_seconds): it may have died. See "
    "that one is up (`nightloom up`, Work Pools), then cancel this run and run it again." + LINK,
)
NO_RESULT = (
    "{{ flow_run.name }} of {{ flow.name }} has no result by its deadline",
    "It is {{ flow_run.state.name }} and should be completed (nightly.deadline): see its stages "
    "and log, or Work Pools if it never started. The champions go on serving." + LINK,
)
NO_WORKER = (
    "no worker is left for {{ event.resource.name }}",
    "The last worker of this work pool has sent no heartbeat for a while: its process or machine "
    "is gone, or it was stopped. No run of the pool starts until one is up (`nightloom up`, or the "
    "command of your worker; Work Pools shows them); what it ran is rerun once.",
)
_BODY = (
    "{{ event.payload.told }}\n{{ event.payload.advice }}"
    "{% if event.payload.run_url %}\n{{ event.payload.run_url }}{% endif %}"
)
ALARMS = {
    "nightloom: run takes longer than usual": (
        RUN_LONG,
        ("{{ event.payload.run }} takes longer than usual", _BODY),
        "Notifies that a night takes longer than each of the last ones (run.overrun_minutes).",
    ),
    "nightloom: disk is nearly full": (
        DISK_LOW,
        ("the disk of the home is nearly full", _BODY),
        "Notifies that little is free on the home's disk (run.min_free_gb).",
    ),
    "nightloom: data refused": (
        DATA_REFUSED,
        ("the data of {{ event.payload.name }} are refused", _BODY),
        "Notifies that a model was not trained, because its data are odd.",
    ),
    "nightloom: candidate refused": (
        CANDIDATE_REFUSED,
        ("the new version of {{ event.payload.name }} is refused", _BODY),
        "Notifies that a new version did not become champion.",
    ),
    "nightloom: champion fell": (
        CHAMPION_FELL,
        ("the champion of {{ event.payload.name }} fell", _BODY),
        "Notifies that a champion does worse than when it was promoted.",
    ),
}
"""Event, notification and description of the alarms that runs give themselves."""
TOLD = {
    "nightloom: run failed or crashed": RED,
    "nightloom: run is late": LATE,
    "nightloom: champion changed": CHAMPION,
    PENDING: STUCK,
    DEADLINE: NO_RESULT,
    GONE: NO_WORKER,
    **{name: message for name, (_, message, _) in ALARMS.items()},
}
"""Subject and body of each notification."""
_NEW = "new champion of {{ event.payload.name }}: version {{ event.payload.version }}"
FORMER = {
    RED: ((RED[0], "{{ flow_run.state.message }}\n{{ flow_run|ui_url }}"),),
    LATE: (
        (
            LATE[0],
            "It should have started at {{ flow_run.expected_start_time }}: is a worker up?\n"
            "{{ flow_run|ui_url }}",
        ),
    ),
    CHAMPION: (
        (_NEW, "{{ event.payload.reason }}"),
        (_NEW, CHAMPION[1]),
    ),
}
"""Texts of earlier versions, which are updated; any other text is an operator's."""


def automations(rerun: RerunSettings, block: UUID | None, pool: str) -> "list[AutomationCore]":
    """All automations; without a notification block they only appear in the event feed.

    pool: the work pool of the deployments.
    """
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState, DoNothing, SendNotification

    def told(message: tuple[str, str]) -> list[Any]:
        if block is None:
            return [DoNothing()]
        subject, body = message
        return [SendNotification(block_document_id=block, subject=subject, body=body)]

    crash = ChangeFlowRunState(
        state=StateType.CRASHED,
        force=False,
        name="Crashed",
        message=silent_message(rerun.silent_seconds),
    )
    again = ChangeFlowRunState(
        state=StateType.SCHEDULED,
        force=False,
        name="AwaitingRetry",
        message="crashed; rerun once, training resumes at its last checkpoint",
    )
    return [
        _automation(
            "nightloom: run failed or crashed",
            "Notifies that a nightloom run failed or crashed.",
            {"expect": _events("Failed", "Crashed", "TimedOut"), **_ours()},
            told(RED),
        ),
        _automation(
            SILENT,
            "Marks a run that stopped sending heartbeats as crashed.",
            {
                "after": _events("heartbeat"),
                "expect": _events("heartbeat", *ENDS),
                "posture": "Proactive",
                "within": timedelta(seconds=rerun.silent_seconds),
                **_ours(MODEL_TAG),
            },
            [crash],
        ),
        _automation(
            RERUN,
            "Reruns a crashed run, once, unless someone already has.",
            {
                "after": _events("Crashed"),
                "expect": _events("Scheduled", "AwaitingRetry", "Pending", "Running"),
                "posture": "Proactive",
                "within": timedelta(seconds=rerun.wait_seconds),
                **_ours(first=True),
            },
            [again],
            enabled=rerun.crashed,
        ),
        _automation(
            "nightloom: run is late",
            "Notifies that a run has not started on time.",
            {"expect": _events("Late"), **_ours()},
            told(LATE),
        ),
        _automation(
            "nightloom: champion changed",
            "Notifies that another version of a model became champion.",
            {
                "expect": {CHAMPION_CHANGED},
                "match": {"prefect.resource.id": "nightloom.model.*"},
            },
            told(CHAMPION),
        ),
        _automation(
            PENDING,
            "Notifies that a worker took a run and does not start it.",
            {
                "after": _events("Pending"),
                "expect": _events("Running", *WAITS, *ENDS),
                "posture": "Proactive",
                "within": timedelta(seconds=rerun.pending_seconds),
                **_ours(),
            },
            told(STUCK),
        ),
        _automation(
            GONE,
            "Notifies that no worker is left for the work pool.",
            {"expect": {"prefect.work-pool.not-ready"}, "match": workers_of(pool)},
            told(NO_WORKER),
        ),
        *(
            _automation(
                name,
                text,
                {"expect": {event}, "match": {"prefect.resource.id": "nightloom.*"}},
                told(message),
            )
            for name, (event, message, text) in ALARMS.items()
        ),
    ]


def deadline_automation(deadline: str, within: timedelta, actions: list[Any]) -> "AutomationCore":
    """Tells of a scheduled night that is not completed so long after it was due."""
    tags = ("schedule", "auto-scheduled")
    return _automation(
        DEADLINE,
        f"Notifies that the scheduled night has no result by {deadline} (nightly.deadline).",
        {
            "after": _events("Late", "Pending", "Running"),
            "expect": _events("Completed"),
            "posture": "Proactive",
            "within": within,
            "match": {"prefect.resource.id": f"{RUN}.*"},
            "match_related": [
                {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{tag}"}
                for tag in tags
            ],
        },
        actions,
    )


def workers_of(pool: str) -> dict[str, Any]:
    """Events of a work pool; Prefect says nothing of its single workers."""
    return {"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": pool}


def silent_message(seconds: int) -> str:
    """The state message of a run that was silent for this long."""
    return f"no heartbeat for {seconds} s: its process or machine is gone"


def _automation(
    name: str, text: str, trigger: dict[str, Any], actions: list[Any], *, enabled: bool = True
) -> "AutomationCore":
    from prefect.events.schemas.automations import AutomationCore, EventTrigger

    trigger = {"posture": "Reactive", "threshold": 1, **trigger}
    return AutomationCore(
        name=name,
        description=text,
        enabled=enabled,
        tags=[TAG],
        trigger=EventTrigger(for_each={"prefect.resource.id"}, **trigger),
        actions=actions,
    )


def _events(*states: str) -> set[str]:
    return {f"{RUN}.{state}" for state in states}


def _ours(*more: str, first: bool = False) -> dict[str, Any]:
    """Runs with our tag (or one of `more`); with `first`, only on their first attempt."""
    tags = [f"prefect.tag.{tag}" for tag in (TAG, *more)]
    match: dict[str, Any] = {"prefect.resource.id": f"{RUN}.*"}
    if first:
        match["prefect.run-count"] = "1"
    return {
        "match": match,
        "match_related": {"prefect.resource.role": "tag", "prefect.resource.id": tags},
    }
