"""Watches a child while it builds a stage: what it uses is sampled, its limits are held.

From the parent, because a library that holds the interpreter's lock would hold up a thread of the
child, and a child over its limit may be past doing anything.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from nightloom.cache.lookup import span
from nightloom.limits import StageLimits
from nightloom.usage import Usage
from nightloom.worker.sampling import Course, Gpus, Sample, gpus, measured
from nightloom.worker.shortage import LESS_MEMORY

SECONDS = 0.5
"""Between two samples."""
GB = 1e9


class Watch:
    """Use it as a context: the watching thread ends with it, and what it began to end has ended."""

    def __init__(
        self,
        pid: int,
        *,
        stage: str,
        limits: StageLimits,
        gpu: bool,
        ask: Callable[[], None],
        kill: Callable[[], None],
    ) -> None:
        """`ask`: ends the child, after a checkpoint if it is training; `kill`: at once."""
        self._pid, self._stage, self._limits, self._gpu = pid, stage, limits, gpu
        self._ask, self._kill = ask, kill
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.usage: Usage | None = None
        """What was used, when it is over."""
        self.exceeded = ""
        """Which limit the child was ended for, in one line; empty if none."""

    def __enter__(self) -> "Watch":
        self._began, self.since = time.monotonic(), time.time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with gpus(wanted=self._gpu) as found:
            last = self._sample(found)
            if last is None:
                return
            course = Course(last)
            while True:
                is_over = self._over.wait(self._pause())
                sample = self._sample(found)
                if sample is None:
                    break
                course.add(sample)
                last = sample
                if is_over or self._ended_for(sample):
                    break
            self.usage = course.usage(last)

    def _sample(self, found: Gpus | None) -> Sample | None:
        now = measured(self._pid)
        if now is None:
            return None
        values = found.values() if found else {}
        return Sample(time.time(), time.monotonic(), *now, values)

    def _pause(self) -> float:
        limit = self._limits.seconds
        if limit is None:
            return SECONDS
        return max(0.0, min(SECONDS, self._began + limit - time.monotonic()))

    def _ended_for(self, sample: Sample) -> bool:
        """Hold the limits; whether the child was ended."""
        limits = self._limits
        if limits.memory is not None and sample.memory > limits.memory:
            less = LESS_MEMORY.get(self._stage, "")
            self.exceeded = (
                f"{self._stage} exceeded {limits.memory_setting}: its process had "
                f"{sample.memory / GB:.2f} GB of its own and was ended; {less}raise the limit"
            )
            self._kill()
            return True
        took = sample.clock - self._began
        if limits.seconds is not None and took >= limits.seconds:
            self.exceeded = (
                f"{self._stage} exceeded {limits.time_setting}: it was ended after {span(took)}; "
                "raise the limit, or give it less to do"
            )
            self._ask()
            return True
        return False


def goes_on(checkpoints: Path, *, since: float) -> str:
    """What becomes of a build that was ended, when it is run again; since: when it began."""
    kept = [one.stat().st_mtime for one in checkpoints.rglob("*") if one.is_file()]
    if kept and max(kept) < since:
        return "it got no further than before: with this limit it would end here again"
    if kept:
        return "what it had done is kept: run the same again, and it goes on from there"
    return "nothing was kept of it: it would begin anew"
