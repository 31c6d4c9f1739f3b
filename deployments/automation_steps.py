"""The automations on the server: created if missing; named settings are changed in existing ones.

What an operator edited (trigger, text, other actions, disabled) stays.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nightloom.deployments.automations import (
    DEADLINE,
    GONE,
    PENDING,
    RERUN,
    SILENT,
    TOLD,
    automations,
    silent_message,
    workers_of,
)
from nightloom.deployments.difference import Change, Step
from nightloom.deployments.notification import Telling
from nightloom.deployments.wanted import Wanted
from nightloom.errors import InputError
from nightloom.settings.deploy import RerunSettings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

KIND = "automation"
WITHIN = {
    RERUN: "rerun.wait_seconds",
    SILENT: "rerun.silent_seconds",
    PENDING: "rerun.pending_seconds",
}
"""The setting for an automation's delay."""
FIELDS = (
    "name", "description", "enabled", "tags", "trigger", "actions", "actions_on_trigger",
    "actions_on_resolve",
)  # fmt: skip


def there_already(client: "SyncPrefectClient") -> dict[str, list[Any]]:
    """Our automations on the server, by name."""
    names = [*(one.name for one in automations(RerunSettings(), None, "")), DEADLINE]
    return {name: client.read_automations_by_name(name) for name in names}


def automation_steps(
    client: "SyncPrefectClient",
    wanted: Wanted,
    there: Mapping[str, list["AutomationCore"]],
    telling: Telling,
    *,
    pool: str,
) -> Iterator[Step]:
    """A step for each automation.

    pool: the work pool of the deployments.

    Raises:
        InputError: A setting does not fit an automation as an operator edited it.
    """
    for name, found in there.items():
        if name == DEADLINE:
            continue  # `deadline_step`
        if found:
            yield _kept(client, wanted, name, found, telling, pool)
        else:
            yield _made(client, wanted, name, there, telling, pool)


def _made(
    client: "SyncPrefectClient",
    wanted: Wanted,
    name: str,
    there: Mapping[str, list["AutomationCore"]],
    telling: Telling,
    pool: str,
) -> Step:
    def make() -> None:
        block = telling.block()
        fresh = {one.name: one for one in automations(_rerun(wanted, there), block, pool)}
        client.create_automation(fresh[name])

    return Step(KIND, name, take=make, is_new=True)


def _rerun(wanted: Wanted, there: Mapping[str, list["AutomationCore"]]) -> RerunSettings:
    """The settings for a new automation: named ones, else those of existing automations."""
    seconds = {
        WITHIN[name].partition(".")[2]: wanted.get(
            WITHIN[name], _seconds(there[name][0]) if there[name] else None
        )
        for name in WITHIN
    }
    return RerunSettings.model_construct(crashed=wanted.get("rerun.crashed"), **seconds)


def _kept(
    client: "SyncPrefectClient",
    wanted: Wanted,
    name: str,
    found: list["AutomationCore"],
    telling: Telling,
    pool: str,
) -> Step:
    there, *others = found
    update, changes = _update(wanted, name, there)
    if name == GONE and wanted.has("pool.name"):
        _of_pool(there, pool, update, changes)
    if name in TOLD:
        actions = telling.actions(name, there.actions)
        if actions != there.actions:
            update["actions"] = actions
            changes += _told(name, there.actions, actions, telling)
    twins = [one for one in others if (one.trigger, one.actions) == (there.trigger, there.actions)]
    if twins:
        changes.append(Change(f"{KIND} {name}", f"exists {len(twins) + 1} times", "once"))
    note = "" if there.enabled or "enabled" in update else "disabled on the server"
    if not changes:
        return Step(KIND, name, note=note)

    def bring_in_line() -> None:
        for one in twins:
            client.delete_automation(one.id)  # type: ignore[attr-defined]
        if "actions" in update and name in TOLD:
            update["actions"] = telling.actions(name, there.actions)
        if update:
            client.update_automation(there.id, whole(there, update))  # type: ignore[attr-defined]

    return Step(KIND, name, tuple(changes), bring_in_line, note=note)


def _update(
    wanted: Wanted, name: str, there: "AutomationCore"
) -> tuple[dict[str, Any], list[Change]]:
    """The automation with the named settings applied."""
    update: dict[str, Any] = {}
    changes: list[Change] = []
    if name == RERUN and wanted.get("rerun.crashed", there.enabled) != there.enabled:
        update["enabled"] = not there.enabled
        changes.append(Change.of("rerun.crashed", there.enabled, not there.enabled))
    setting = WITHIN.get(name)
    if not setting or not wanted.has(setting):
        return update, changes
    before, after = _seconds(there), wanted.get(setting)
    if before is None:
        raise InputError(
            f"expected a trigger with a time in automation {name} for {setting}, but it was "
            "rebuilt in Prefect's UI; delete it there and deploy again, or leave the setting out"
        )
    if before != after:
        trigger = there.trigger.model_copy(update={"within": timedelta(seconds=after)})
        update["trigger"] = trigger
        update["actions"] = [_said(one, before, after) for one in there.actions]
        changes.append(Change.of(setting, before, after))
    return update, changes


def _of_pool(
    there: "AutomationCore", pool: str, update: dict[str, Any], changes: list[Change]
) -> None:
    """The alarm is about another pool now; a trigger that was edited stays."""
    from prefect.events.schemas.events import ResourceSpecification

    match = getattr(there.trigger, "match", None)
    told = match.root if match else {}
    before = str(told.get("prefect.resource.name"))
    if before != pool and told == workers_of(before):
        fresh = ResourceSpecification(dict[str, str | list[str]](workers_of(pool)))
        update["trigger"] = there.trigger.model_copy(update={"match": fresh})
        changes.append(Change.of(f"{GONE}: pool.name", before, pool))


def _said(action: Any, before: int, after: int) -> Any:
    """An action whose message names the seconds, with the new value."""
    if getattr(action, "message", None) == silent_message(before):
        return action.model_copy(update={"message": silent_message(after)})
    return action


def _told(name: str, old: list[Any], new: list[Any], telling: Telling) -> list[Change]:
    before, after = telling.names(old), telling.names(new)
    if before != after:
        return [Change(f"{name}: notifies", before or "nobody", after or "nobody")]
    texts = [
        [
            "; ".join([one.subject, *one.body.splitlines()])
            for one in actions
            if hasattr(one, "body")
        ]
        for actions in (old, new)
    ]
    return [Change.of(f"{name}: text", *("; ".join(one) for one in texts))]


def _seconds(there: "AutomationCore") -> int | None:
    within = getattr(there.trigger, "within", None)
    return int(within.total_seconds()) if within is not None else None


def whole(there: "AutomationCore", update: Mapping[str, Any]) -> "AutomationCore":
    """Everything the server would otherwise reset to defaults."""
    from prefect.events.schemas.automations import AutomationCore

    values = {name: getattr(there, name) for name in FIELDS} | dict(update)
    return AutomationCore.model_construct(**values)
