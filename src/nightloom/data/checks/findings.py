"""What a test found, and the verdict on it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["fine", "warned", "refused", "open"]
"""`open`: too few rows to tell."""
ALL, NEW = "all", "new"
SURE = 4.0
"""Standard errors that chance may reach: a night has some twenty tests, a year 365 nights."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one test found in all rows, or in those that are new."""

    test: str
    """The setting that holds its thresholds, without the group."""
    among: str
    verdict: Verdict
    told: str
    """For a person, without a capital or a full stop."""
    value: float | None = None
    chance: float | None = None
    """What chance alone may reach."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def judged(
    test: str,
    among: str,
    *,
    value: float,
    chance: float = 0.0,
    levels: tuple[float, ...],
    told: str,
) -> Finding:
    """A finding by its value: warned from the first level, refused from the second, where it is
    more than chance may do."""
    passed = sum(value >= level for level in levels) if value > chance else 0
    verdict: Verdict = "refused" if passed == 2 else "warned" if passed else "fine"
    return Finding(
        test=test, among=among, verdict=verdict, told=told, value=float(value), chance=float(chance)
    )


def too_few(test: str, among: str, *, rows: int, least: int, unit: str) -> Finding:
    """What is said of a test that was left out."""
    told = f"too few {unit} to tell, {rows:,} of {least:,}"
    return Finding(test=test, among=among, verdict="open", told=told)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The verdict on all of them."""
    found = {one.verdict for one in findings}
    return "refused" if "refused" in found else "warned" if "warned" in found else "fine"


def percent(share: float) -> str:
    """A share for a person."""
    return f"{100 * share:.1f} %" if share < 0.995 else f"{100 * share:.0f} %"
