"""Slots of global concurrency limits, held while a stage is built.

`nightloom deploy` creates the limit `gpu`; without one (an ephemeral server, a plain run) nothing
is held. Losing a slot never ends a running stage: the limit may then be exceeded for a while, which
costs less than a night's training.

On a shared server there is a limit of one slot for each model's name: whoever registers the model,
or moves its champion by a person's decision, holds it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from nightloom.tasks.runtime.announcing import slug
from nightloom.tasks.runtime.observer import Observer

GPU = "gpu"
LEASE_SECONDS = 60.0
"""The server's minimum: how long a killed holder's slot stays taken."""
PATIENCE_SECONDS = 900.0
"""How long to wait for the slot of a model's name: a server may have forgotten its holder."""


@contextlib.contextmanager
def slot(limit: str | None, observer: Observer) -> Iterator[None]:
    """Hold one slot of `limit`, waiting for a free one."""
    held = contextlib.ExitStack()
    if limit is not None:
        _take(held, limit, observer)
    with _released(held, limit, observer):
        yield


@contextlib.contextmanager
def _released(held: contextlib.ExitStack, limit: str | None, observer: Observer) -> Iterator[None]:
    """Give a slot back at the end; a server that does not take it fails no run."""
    try:
        yield
    finally:
        try:
            held.close()
        except Exception as error:
            observer.warn(f"a slot of {limit} could not be released: {error}")


def _take(
    held: contextlib.ExitStack, limit: str, observer: Observer, *, seconds: float | None = None
) -> None:
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
            timeout_seconds=seconds,
            strict=False,
            lease_duration=LEASE_SECONDS,
            raise_on_lease_renewal_failure=False,
            holder=_holder(),
        )
    )


def title(name: str) -> str:
    """The limit of which one slot is held by who decides about a model's champion."""
    return f"nightloom-champion-{slug(name)}"


@contextlib.contextmanager
def alone(limit: str | None, observer: Observer) -> Iterator[None]:
    """Hold the one slot of `limit` (see `title`) on the server that machines share, if any.

    It is made where it is missing. Where it cannot be had, one goes on without and says so: the
    champion is read before and after it moves all the same.
    """
    held = contextlib.ExitStack()
    if limit is not None and is_shared():
        try:
            _make(limit)
            _take(held, limit, observer, seconds=PATIENCE_SECONDS)
        except TimeoutError:
            observer.warn(
                f"{limit} was taken for {PATIENCE_SECONDS / 60:.0f} min, going on without"
            )
        except Exception as error:
            observer.warn(f"{limit} cannot be had, going on without: {error}")
    with _released(held, limit, observer):
        yield


def is_shared() -> bool:
    """Whether there is a server that other processes ask as well."""
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value())


def _make(limit: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(limit)
        except ObjectNotFound:
            client.upsert_global_concurrency_limit_by_name(limit, 1)


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
