"""How fast a stage goes, in the words that logs and the UI use."""

import time

from nightloom.cache.lookup import span


class Pace:
    """How fast something goes, and when it will be over."""

    def __init__(self) -> None:
        self._what = ""
        self._began = self._first = self._last = 0.0

    def remaining(self, what: str, done: float, total: float | None) -> float | None:
        """Seconds until the end at the pace so far; None where that cannot be said yet."""
        now = time.monotonic()
        if what != self._what or done < self._last:
            self._what, self._began, self._first = what, now, done
        self._last = done
        if not total or done <= self._first or done >= total or now - self._began < 1:
            return None
        return (total - done) * (now - self._began) / (done - self._first)


def spoken(facts: dict[str, float | str], left: float | None) -> list[str]:
    """A builder's facts and the time that is left, as short phrases."""
    said = [
        f"{name.replace('_per_', '/').replace('_', ' ')} {value}" for name, value in facts.items()
    ]
    return [*said, f"{span(left)} remaining"] if left is not None else said
