"""Notifications: the block that the automations use, and how that should change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from nightloom.deployments.automations import FORMER, TOLD
from nightloom.deployments.difference import Change, Step
from nightloom.deployments.wanted import Wanted
from nightloom.errors import InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

BLOCK = "nightloom"
WEBHOOK = f"custom-webhook/{BLOCK}"
"""The block that `notify.webhook` creates."""
GONE = "a block that is gone"
NOT_YET = UUID(int=0)
"""Placeholder for a block still to be created."""


@dataclass
class Telling:
    """Which blocks the automations use, and which they should."""

    slugs: dict[UUID, str] = field(default_factory=dict)
    """Slugs of the blocks they use now."""
    target: str | None = None
    """The block that all should use; None: each keeps its own."""
    id: UUID | None = None
    """Slug of `target`."""
    removed: frozenset[str] = frozenset()
    """Blocks that none should use any longer."""
    step: Step | None = None

    def block(self) -> UUID | None:
        """The block for a new automation: the others' block."""
        if self.target:
            return self.id or NOT_YET
        left = [one for one, slug in self.slugs.items() if slug not in {*self.removed, GONE}]
        return left[0] if left else None

    def actions(self, name: str, there: list[Any]) -> list[Any]:
        """The actions that a notifying automation should have, given those it has."""
        from prefect.events.actions import DoNothing, SendNotification

        found: list[Any] = []
        for one in there:
            if isinstance(one, SendNotification):
                one = self._told(name, one)
            elif isinstance(one, DoNothing):
                continue
            if one is not None and one not in found:
                found.append(one)
        if self.target and not any(isinstance(one, SendNotification) for one in found):
            subject, body = TOLD[name]
            block = self.id or NOT_YET
            found.append(SendNotification(block_document_id=block, subject=subject, body=body))
        return found or [DoNothing()]

    def names(self, actions: Iterable[Any]) -> str | None:
        """The blocks that these actions use; None: nobody is notified."""
        ids = [getattr(one, "block_document_id", None) for one in actions]
        known = {**self.slugs, self.id or NOT_YET: self.target or ""}
        return ", ".join(sorted({known.get(one, GONE) for one in ids if one})) or None

    def _told(self, name: str, one: Any) -> Any:
        if not self.target and self.slugs.get(one.block_document_id) in self.removed:
            return None
        update: dict[str, Any] = {}
        if self.target:
            update["block_document_id"] = self.id or NOT_YET
        if (one.subject, one.body) in FORMER.get(TOLD[name], ()):
            update |= {"subject": TOLD[name][0], "body": TOLD[name][1]}
        return one.model_copy(update=update)


def telling(client: "SyncPrefectClient", wanted: Wanted, there: Mapping[str, list[Any]]) -> Telling:
    """The blocks that the automations use, and those they should.

    there: the automations on the server, by name.

    Raises:
        InputError: The named block is not on the server.
    """
    found = Telling(_slugs(client, there))
    webhook, block = wanted.get("notify.webhook"), wanted.get("notify.block")
    ours = _find(client, WEBHOOK)
    url = str(ours.data.get("url")) if ours else None
    others = sorted({slug for slug in found.slugs.values() if slug != WEBHOOK})
    before = (url if WEBHOOK in found.slugs.values() else None, ", ".join(others) or None)
    after = before
    if webhook:
        found.target, found.id, after = WEBHOOK, ours.id if ours else None, (webhook, None)
    elif block:
        named = _find(client, block)
        if named is None:
            raise InputError(
                f"expected a notification block {block} on the server; create it in the UI "
                "(Blocks), or set notify.webhook"
            )
        found.target, found.id, after = block, named.id, (None, block)
    else:
        lost_webhook, lost_block = wanted.has("notify.webhook"), wanted.has("notify.block")
        after = (None if lost_webhook else before[0], None if lost_block else before[1])
        found.removed = frozenset(
            [*([WEBHOOK] if lost_webhook else []), *(others if lost_block else [])]
        )
    found.step = _step(client, found, ours, before, after)
    return found


def _step(
    client: "SyncPrefectClient",
    found: Telling,
    ours: Any,
    before: tuple[str | None, str | None],
    after: tuple[str | None, str | None],
) -> Step | None:
    changes = tuple(
        Change.of(setting, old, new)
        for setting, old, new in zip(("notify.webhook", "notify.block"), before, after, strict=True)
        if old != new
    )
    slug = WEBHOOK if after[0] or before[0] else (after[1] or before[1])
    if slug is None:
        return None
    if not changes:
        note = "name notify.webhook or notify.block" if GONE in slug else ""
        return Step("notification", slug, note=note)

    def save() -> None:
        if after[0]:
            found.id = _save(client, ours, after[0])

    return Step("notification", slug, changes, save, is_new=bool(after[0]) and ours is None)


def _slugs(client: "SyncPrefectClient", there: Mapping[str, list[Any]]) -> dict[UUID, str]:
    ids = {
        action.block_document_id
        for name in TOLD
        for automation in there.get(name, [])
        for action in automation.actions
        if action.type == "send-notification"
    }
    return {one: _slug(client, one) for one in sorted(ids)}


def _slug(client: "SyncPrefectClient", block: UUID) -> str:
    from prefect.exceptions import ObjectNotFound

    try:
        found = client.read_block_document(block)
    except ObjectNotFound:
        return GONE
    kind = found.block_type.slug if found.block_type else "block"
    return f"{kind}/{found.name}"


def _find(client: "SyncPrefectClient", slug: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    kind, _, name = slug.partition("/")
    try:
        return client.read_block_document_by_name(name, kind)
    except ObjectNotFound:
        return None


def _save(client: "SyncPrefectClient", ours: Any, url: str) -> UUID:
    """Create the block, or set its URL; its other settings stay."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.client.schemas.actions import BlockDocumentUpdate

    if ours is not None:
        if ours.data.get("url") != url:
            client.update_block_document(ours.id, BlockDocumentUpdate(data={"url": url}))
        return UUID(str(ours.id))
    block = CustomWebhookNotificationBlock(
        name=BLOCK,
        url=url,
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
        headers=None,
        cookies=None,
    )
    saved: Any = block.save(BLOCK, overwrite=True, _sync=True)  # type: ignore[call-arg]
    return UUID(str(saved))
