"""A stage's pace, worded for logs and the UI."""

import time

from nightloom.cache.lookup import span


class Pace:
    """The pace of something, and its remaining time."""

    def __init__(self) -> None:
        self._what = ""
        self._began = self._first = self._last = 0.0

    def remaining(self, what: str, done: float, total: float | None) -> float | None:
        """Estimated seconds until the end; None if unknown."""
        now = time.monotonic()
        if what != self._what or done < self._last:
            self._what, self._began, self._first = what, now, done
        self._last = done
        if not total or done <= self._first or done >= total or now - self._began < 1:
            return None
        return (total - done) * (now - self._began) / (done - self._first)


def spoken(facts: dict[str, float | str], left: float | None) -> list[str]:
    """A builder's facts and the remaining time, as short phrases."""
    said = [
        f"{name.replace('_per_', '/').replace('_', ' ')} {value}" for name, value in facts.items()
    ]
    return [*said, f"{span(left)} remaining"] if left is not None else said
