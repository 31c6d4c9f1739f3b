"""What a person at a terminal sees of a run: a line a stage, a bar for the long ones."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nightloom.cache.lookup import span
from nightloom.cli.main import say
from nightloom.ending import hold

if TYPE_CHECKING:
    from tqdm import tqdm

    from nightloom.tasks.runtime.run import StageEntry


class Console:
    """An observer of runs on standard error; a progress bar only where that is a terminal."""

    def __init__(self) -> None:
        self.stages: list[dict[str, Any]] = []
        self._bar: tqdm[Any] | None = None
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def say(self, message: str) -> None:
        """A line, above the bar."""
        hold()
        self._close()
        say(message)

    def stage(self, entry: "StageEntry") -> None:
        """A line for a stage."""
        from nightloom.tasks.runtime.observer import line

        if entry.state in ("hit", "built", "failed", "depends") or not entry.key:
            self.stages.append(asdict(entry))
        self.say(line(entry))

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
        """A line that someone should look at."""
        self.say(f"warning: {message}")

    def summary(self, report: dict[str, Any]) -> None:
        """The end of a run: metrics, decision of the gate, time saved."""
        if report["state"] == "planned":
            return
        if "models" in report:
            self._night(report)
            return
        metrics = report.get("metrics") or {}
        shown = [f"{k} {v:.4f}" for k, v in metrics.items() if isinstance(v, float)]
        print("metrics  " + ", ".join(shown))
        model = report.get("model") or {}
        aliases = "".join(f" @{alias}" for alias in model.get("aliases", ()))
        print(f"model    {model.get('name')}/{model.get('version')}{aliases}")
        print(f"gate     {model.get('reason')}")
        saved = report["seconds_saved"]
        print(f"time     {span(report['seconds'])}, the cache saved {span(saved)}")

    def _night(self, report: dict[str, Any]) -> None:
        from nightloom.reporting.night_report import night_rows

        rows = night_rows(report["models"])
        width = max(len(row["model"]) for row in rows)
        for row in rows:
            told = [
                row["state"],
                f"built {row['built']}",
                row["against the champion"],
                row["decision"],
            ]
            time = f"took {row['took']}, saved {row['saved']}"
            print(f"{row['model']:<{width}}  " + ", ".join([*filter(None, told), time]))
        print(
            f"time     {span(report['seconds'])}, the cache saved {span(report['seconds_saved'])}"
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
