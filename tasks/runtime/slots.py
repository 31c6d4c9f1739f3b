"""A slot of a global concurrency limit, held while a stage is built.

`nightloom deploy` creates the limit; without one (an ephemeral server, a plain run) nothing is
held. Losing a slot never ends a running stage: the limit may then be exceeded for a while, which
costs less than a night's training.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from nightloom.tasks.runtime.observer import Observer

GPU = "gpu"
LEASE_SECONDS = 60.0
"""The server's minimum: how long a killed holder's slot stays taken."""


@contextlib.contextmanager
def slot(limit: str | None, observer: Observer) -> Iterator[None]:
    """Hold one slot of `limit`, waiting for a free one."""
    held = contextlib.ExitStack()
    if limit is not None:
        _take(held, limit, observer)
    try:
        yield
    finally:
        try:
            held.close()
        except Exception as error:
            observer.warn(f"a slot of {limit} could not be released: {error}")


def _take(held: contextlib.ExitStack, limit: str, observer: Observer) -> None:
    from prefect.concurrency.sync import concurrency

    there = _read(limit, observer)
    if there is None or not there.active:
        return
    if there.active_slots >= there.limit:
        observer.log(f"waiting for one of {there.limit} slots of {limit}")
    held.enter_context(
        concurrency(
            limit,
            occupy=1,
            strict=False,
            lease_duration=LEASE_SECONDS,
            raise_on_lease_renewal_failure=False,
            holder=_holder(),
        )
    )


def _read(limit: str, observer: Observer) -> Any:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    try:
        with get_client(sync_client=True) as client:
            return client.read_global_concurrency_limit_by_name(limit)
    except ObjectNotFound:
        return None
    except Exception as error:
        observer.warn(f"the limit {limit} cannot be read, continuing without a slot: {error}")
        return None


def _holder() -> Any:
    """Who holds the slot, for the UI."""
    from prefect.client.schemas.objects import ConcurrencyLeaseHolder
    from prefect.runtime import task_run

    return ConcurrencyLeaseHolder(type="task_run", id=task_run.id) if task_run.id else None
