"""Work done ahead of its use, or after it, in order, on separate threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    call: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 1
) -> Iterator[tuple[Item, Result]]:
    """Each item with the result of `call`; at most `threads` + 1 results are buffered."""
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
    """Jobs that run one after the other while the caller continues."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def wait(self) -> None:
        """Wait for the last job; raises what it raised."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def submit(self, job: Callable[[], None]) -> None:
        """Start a job once the previous one is done."""
        self.wait()
        self._last = self._pool.submit(job)

    def close(self) -> None:
        """Let the last job end, ignoring its outcome."""
        self._pool.shutdown(wait=True)
