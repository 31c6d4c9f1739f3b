"""A run as seen at a terminal: one line per stage, a progress bar for long ones."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nightloom.cli.main import say
from nightloom.ending import hold
from nightloom.reporting.entry import StageEntry

if TYPE_CHECKING:
    from tqdm import tqdm


class Console:
    """Shows runs on standard error; a progress bar only if that is a terminal."""

    def __init__(self) -> None:
        self._entries: list[StageEntry] = []
        self._bar: tqdm[Any] | None = None
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    @property
    def stages(self) -> list[dict[str, Any]]:
        """The stages so far, as they are now: a check may have ended the run after it was built."""
        return [asdict(entry) for entry in self._entries]

    def say(self, message: str) -> None:
        """A line, above the bar."""
        hold()
        self._close()
        say(message)

    def stage(self, entry: StageEntry) -> None:
        """A line for a stage."""
        if entry.state in ("hit", "built", "failed", "depends") or not entry.key:
            self._entries.append(entry)
        self.say(str(entry))

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """Move the bar."""
        if not self._shown:
            return
        hold()
        if self._bar is None or self._bar.desc.rstrip(": ") != what:
            self._close()
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, desc=what, unit=f" {unit}", leave=False, dynamic_ncols=True,
                file=sys.stderr, unit_scale=total is not None and total >= 10_000,
            )  # fmt: skip
        self._bar.set_postfix(facts, refresh=False)
        self._bar.n = done
        self._bar.refresh()

    def log(self, message: str) -> None:
        """A line of information."""
        self.say(f"        {message}")

    def warn(self, message: str) -> None:
        """A warning."""
        self.say(f"warning: {message}")

    def summary(self, report: Mapping[str, Any]) -> None:
        """The end of a run: metrics, the gate's decision, time saved; of a plan, its forecast."""
        from nightloom.reporting.forecast import forecast_lines
        from nightloom.reporting.summary import summary

        if report["state"] != "planned":
            print("\n".join(summary(report)))
        else:
            for line in forecast_lines(report):
                self.say(line)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
