"""Where the stages of a night are built: in this process, or on a cluster."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from nightloom.accelerators import Accelerator, accelerator
from nightloom.settings.nightly import RunSettings
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.patience import wait_for_server
from nightloom.tasks.runtime.planning import is_planning

if TYPE_CHECKING:
    from prefect import Flow, Task
    from prefect.states import State

    from nightloom.cache.artifact import Artifact
    from nightloom.tasks.runtime.build import StageCall

Item = TypeVar("Item")
Done = TypeVar("Done")


class Engine(Protocol):
    """Runs the flows of a night's models, and their stages."""

    def each(self, work: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
        """What `work` makes of each of the items, in their order."""

    def flow(self, flow: "Flow[..., Any]") -> "Flow[..., Any]":
        """A model's flow, as this engine runs it."""

    def gpu(self) -> Accelerator | None:
        """What a stage that takes a GPU is given."""

    def call(
        self,
        task: "Task[..., Artifact]",
        call: "StageCall",
        inputs: "dict[str, Artifact]",
        *,
        gpu: bool,
    ) -> "State[Artifact]":
        """Run a stage's task to its end; `gpu`: where there are some, with one of its own."""


class LocalEngine:
    """Everything in this process, one after the other."""

    def each(self, work: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
        """One after the other."""
        return [work(item) for item in items]

    def flow(self, flow: "Flow[..., Any]") -> "Flow[..., Any]":
        """As it is."""
        return flow

    def gpu(self) -> Accelerator | None:
        """Those of this machine."""
        return accelerator()

    def call(
        self,
        task: "Task[..., Artifact]",
        call: "StageCall",
        inputs: "dict[str, Artifact]",
        *,
        gpu: bool,
    ) -> "State[Artifact]":
        """Run it here."""
        wait_for_server(observers())
        return cast("State[Artifact]", task(call, inputs, return_state=True))


LOCAL: Engine = LocalEngine()
_engine: ContextVar[Engine] = ContextVar("nightloom_engine", default=LOCAL)


def engine() -> Engine:
    """The engine of this run."""
    return _engine.get()


@contextlib.contextmanager
def engine_of(settings: RunSettings) -> Iterator[Engine]:
    """The engine that `settings` ask for, inside; a plan needs none but this process.

    Raises:
        InputError: Ray is not installed, or there is no cluster where one was named.
    """
    if settings.engine == "local" or is_planning():
        yield LOCAL
        return
    from nightloom.tasks.runtime.cluster import cluster

    with cluster(settings) as chosen:
        token = _engine.set(chosen)
        try:
            yield chosen
        finally:
            _engine.reset(token)
