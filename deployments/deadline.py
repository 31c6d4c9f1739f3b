"""`nightly.deadline`: an automation that tells of a night without a result by that time.

It counts from when the night is due, on the server: it tells even where no worker is left.
"""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nightloom.deployments.automation_steps import KIND, whole
from nightloom.deployments.automations import DEADLINE, NO_RESULT, deadline_automation
from nightloom.deployments.difference import Change, Step
from nightloom.deployments.notification import Telling
from nightloom.deployments.schedule import spelled
from nightloom.deployments.wanted import Wanted
from nightloom.errors import InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SETTING = "nightly.deadline"
DAY, MINUTES = timedelta(days=1), 24 * 60


def deadline_step(
    client: "SyncPrefectClient", wanted: Wanted, there: list[Any], night: Any, telling: Telling
) -> Step | None:
    """The step for the deadline; None: there is none, and none is wanted.

    there: the automation on the server, if any; night: the night's deployment, None if it is new.

    Raises:
        InputError: The night does not begin at one time of the day.
    """
    begins = _begins(wanted, night)
    one = there[0] if there else None
    before = _told(one)
    after = wanted.get(SETTING) if wanted.has(SETTING) else before
    if one is None and after is None:
        return None
    within = None if after is None else _within(after, begins, wanted)
    if one is None:

        def make() -> None:
            block = telling.block()
            actions = _actions(block)
            client.create_automation(deadline_automation(after or "", within or DAY, actions))

        return Step(KIND, DEADLINE, (Change.of(SETTING, None, after),), make, is_new=True)
    update: dict[str, Any] = {}
    changes = []
    if before != after:
        changes.append(Change.of(SETTING, before, after))
        update["enabled"] = after is not None
    if within and after:
        fresh = deadline_automation(after, within, [])
        if before != after:
            update["description"] = fresh.description
        if one.trigger.within != within:
            trigger = one.trigger.model_copy(update={"within": within})
            update["trigger"] = trigger
            if before == after:
                times = [f"{each} after its start" for each in (one.trigger.within, within)]
                changes.append(Change(f"{DEADLINE}: nightly.cron", *times))
    actions = telling.actions(DEADLINE, one.actions)
    if actions != one.actions:
        update["actions"] = actions
        names = [telling.names(each) or "nobody" for each in (one.actions, actions)]
        changes.append(Change(f"{DEADLINE}: notifies", *names))
    note = "" if one.enabled or "enabled" in update else f"switched off; {SETTING}=06:00"
    if not update:
        return Step(KIND, DEADLINE, note=note)

    def bring_in_line() -> None:
        if "actions" in update:
            update["actions"] = telling.actions(DEADLINE, one.actions)
        client.update_automation(one.id, whole(one, update))

    return Step(KIND, DEADLINE, tuple(changes), bring_in_line, note=note)


def time_given(client: "SyncPrefectClient") -> tuple[str, float] | None:
    """The deadline on the server, and the seconds from the night's start to it; None: none."""
    for one in client.read_automations_by_name(DEADLINE):
        told, within = _told(one), getattr(one.trigger, "within", None)
        if told and within:
            return told, within.total_seconds()
    return None


def _begins(wanted: Wanted, night: Any) -> str:
    """The cron schedule of the night as it will be."""
    schedules = getattr(night, "schedules", None) or []
    return str(wanted.get("nightly.cron", spelled(schedules[0].schedule) if schedules else None))


def _within(deadline: str, cron: str, wanted: Wanted) -> timedelta | None:
    """How long after its start the deadline is; None: as it is, nobody named one of them."""
    if not wanted.has(SETTING, "nightly.cron"):
        return None
    minute, hour = (*cron.split(), "", "")[:2]
    if minute.isdigit() and hour.isdigit():
        minutes = (_minutes(*deadline.split(":")) - _minutes(hour, minute)) % MINUTES or MINUTES
        return timedelta(minutes=minutes)
    raise InputError(
        f"expected a night that begins at one time of the day with {SETTING}, got the schedule "
        f"{cron}; name one such as nightly.cron='0 2 * * *', or switch it off: {SETTING}="
    )


def _told(one: Any) -> str | None:
    """The deadline of an automation, as the setting has it; None: none."""
    if one is None or not one.enabled:
        return None
    found = re.search(r"\d\d:\d\d", one.description or "")
    return found[0] if found else "another one"


def _minutes(hour: str, minute: str) -> int:
    return int(hour) * 60 + int(minute)


def _actions(block: Any) -> list[Any]:
    from prefect.events.actions import DoNothing, SendNotification

    if block is None:
        return [DoNothing()]
    subject, body = NO_RESULT
    return [SendNotification(block_document_id=block, subject=subject, body=body)]
