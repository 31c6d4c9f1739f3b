"""What a night tells of each model: in the terminal, in Prefect's table, on the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightloom.cache.lookup import span
from nightloom.counted import counted
from nightloom.reporting.night import ModelOfNight
from nightloom.reporting.run_report import decision, standing


@dataclass(frozen=True, kw_only=True)
class NightRow:
    """One model; texts are empty where there is nothing to say."""

    model: str
    state: str
    """`completed`, `planned` or `failed`."""
    built: tuple[str, ...]
    """The stages that were built."""
    failed_in: tuple[str, ...]
    data: str
    """What the check of the data said, if it was not fine."""
    standing: str
    """The gate's metric, against the champion's where there is one."""
    decision: str
    """What was decided; where nothing was, who is the champion."""
    verdict: str
    """The same in few words: `promoted`, `challenger`, `unchanged`, or where it failed."""
    took: str
    saved: str
    """Time, by the cache."""

    @classmethod
    def of(cls, one: ModelOfNight) -> "NightRow":
        """The words for a model's outcome."""
        data = next((entry.verdict for entry in one.stages if entry.verdict), "fine")
        failed_in = tuple(one.in_state("failed"))
        decided = decision(one.model, built=one.decided) if one.model else ""
        verdict = "unchanged" if one.model and not one.decided else decided
        if one.failed:
            verdict = f"failed in {failed_in[-1]}" if failed_in else "failed"
        return cls(
            model=one.name,
            state=one.state,
            built=tuple(one.in_state("built")),
            failed_in=failed_in,
            data="" if data == "fine" else data,
            standing=standing(one.model),
            decision=decided,
            verdict=verdict,
            took=span(one.seconds),
            saved=span(one.seconds_saved),
        )

    def line(self, *, width: int = 0) -> str:
        """For the terminal, with everything; width: of the name."""
        told = (
            self.state,
            f"built {self._with_failed(', '.join(self.built) or 'nothing')}",
            f"data {self.data}" if self.data else "",
            self.standing,
            self.decision,
            f"took {self.took}, saved {self.saved}",
        )
        return f"{self.model:<{width}}  " + ", ".join(filter(None, told))

    def cells(self) -> dict[str, str]:
        """For Prefect's table, in few, narrow columns: it breaks no cell."""
        count = len(self.built)
        built = counted(count, "stages") if count else "nothing"
        return {
            "model": self.model,
            "verdict": "failed" if self.state == "failed" else self.verdict,
            "metric": self.standing.partition(" (")[0],
            "built": self._with_failed(built),
        }

    def _with_failed(self, built: str) -> str:
        return "; ".join([built, *(f"failed in {stage}" for stage in self.failed_in)])


def night_lines(models: Sequence[ModelOfNight]) -> Iterator[str]:
    """One line per model, for the terminal."""
    rows = [NightRow.of(one) for one in models]
    width = max((len(row.model) for row in rows), default=0)
    yield from (row.line(width=width) for row in rows)


def night_table(models: Sequence[ModelOfNight]) -> list[dict[str, str]]:
    """One row per model, for Prefect's table."""
    return [NightRow.of(one).cells() for one in models]
