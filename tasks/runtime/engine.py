"""Where the stages of a run are built: in this process, or on a cluster."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

from nightloom.accelerators import Accelerator, accelerator
from nightloom.cache.artifact import Artifact
from nightloom.scoped import scoped
from nightloom.tasks.runtime.call import Order
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.patience import wait_for_server

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.states import State

Item = TypeVar("Item")
Done = TypeVar("Done")


class Engine:
    """Runs the flows of a night's models and their stages, all in this process."""

    def each(self, work: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
        """The results of `work` for all items, in order."""
        return [work(item) for item in items]

    def flow(self, flow: "Flow[..., Any]") -> "Flow[..., Any]":
        """A model's flow, as this engine runs it."""
        return flow

    def gpu(self) -> Accelerator | None:
        """The GPUs for a stage that uses them."""
        return accelerator()

    def call(self, order: Order) -> "State[Artifact]":
        """Run a stage's task to completion."""
        wait_for_server(observers())
        state = order.task(order.call, order.inputs, return_state=True)
        return cast("State[Artifact]", state)


LOCAL = Engine()
_engine: ContextVar[Engine] = ContextVar("nightloom_engine", default=LOCAL)


def engine() -> Engine:
    """The engine of this run."""
    return _engine.get()


def using(chosen: Engine) -> AbstractContextManager[Engine]:
    """Inside, `chosen` is the engine."""
    return scoped(_engine, chosen)
