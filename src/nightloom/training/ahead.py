"""Work that is done ahead of its use, or after it, in order, on threads of its own."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    call: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 1
) -> Iterator[tuple[Item, Result]]:
    """Each item with what `call` gives for it; never more than `threads` + 1 results wait."""
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append((item, pool.submit(call, item)))
            if len(waiting) > threads:
                done, result = waiting.popleft()
                yield done, result.result()
        for done, result in waiting:
            yield done, result.result()


class Behind:
    """Jobs that are done one after the other while the caller goes on."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def wait(self) -> None:
        """Until the last job is done; raises what it raised."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def submit(self, job: Callable[[], None]) -> None:
        """Start a job once the one before is done."""
        self.wait()
        self._last = self._pool.submit(job)

    def close(self) -> None:
        """Let the last job end, whatever comes of it."""
        self._pool.shutdown(wait=True)
