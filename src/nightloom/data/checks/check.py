"""The whole check: tonight's rows by rules, and beside the champion's, all and new ones."""

from dataclasses import dataclass

import numpy as np

from nightloom.data.checks.compare import by_texts, relabelled
from nightloom.data.checks.findings import ALL, NEW, Finding, Verdict, worst
from nightloom.data.checks.profile import Profile, profile
from nightloom.data.checks.rows import CheckedRows
from nightloom.data.checks.shares import against, by_rules
from nightloom.settings.check import CheckSettings


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    profile: Profile
    """Of tonight's rows."""
    new: int | None
    """Rows that the champion's data do not have; None without a champion's."""


def check(
    tonight: CheckedRows, before: CheckedRows | Profile | None, settings: CheckSettings
) -> Checked:
    """Look at tonight's rows.

    before: the champion's; where they are gone what is known of them; None for nothing at all.
    """
    now, then = profile(tonight), profile(before) if isinstance(before, CheckedRows) else before
    unit, counts = tonight.kind.unit, tonight.kind.counts
    findings = [*by_rules(now, then, settings, among=ALL, unit=unit)]
    if then is not None:
        findings += against(now, then, settings, among=ALL, unit=unit, counts=counts)
    new: int | None = None
    if isinstance(before, CheckedRows):
        is_new = ~np.isin(tonight.content, before.content)
        new = int(is_new.sum())
        findings += relabelled(tonight, before, is_new, settings)
        if then is not None and 0 < new < len(tonight):
            some = profile(tonight, is_new)
            findings += by_rules(some, then, settings, among=NEW, unit=unit)
            single = _single(before, settings.least) or then
            findings += against(some, single, settings, among=NEW, unit=unit, counts=counts)
        findings += by_texts(tonight, before, is_new, settings)
    return Checked(verdict=worst(findings), findings=tuple(findings), profile=now, new=new)


def _single(rows: CheckedRows, least: int) -> Profile | None:
    """Of the rows that say what no other one says: new rows are such as well, beside these. None if
    they are too few to be like all."""
    _, at, times = np.unique(rows.content, return_inverse=True, return_counts=True)
    single = times[at] == 1
    sample = rows.sample.at(np.flatnonzero(single[rows.sample.rows]))
    return profile(rows, single, sample.texts) if len(sample) >= least else None
