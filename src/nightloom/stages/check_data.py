"""`check_data`: tonight's rows beside those of the champion, before anything is trained on them."""

import csv
import json
from dataclasses import asdict

from nightloom.cache.artifact import ArtifactFiles
from nightloom.context import BuildContext, Built
from nightloom.data.arrow import write_json
from nightloom.data.checks.check import Checked, check
from nightloom.data.checks.profile import SUMMARY_FILE, Profile
from nightloom.data.checks.rows import CheckedRows, Kind, read_rows
from nightloom.data.checks.suspects import Suspects, suspects_in
from nightloom.facts import CheckFacts, DataFacts

MOST_ROWS = 100
"""Of those whose label is probably wrong, shown in Prefect's UI."""
SUSPECTS = "labels_to_check.csv"
"""For annotators."""
SUMMARY = "summary"
"""Among the facts of the run: what is known of the champion's data, where they are gone."""


def build(context: BuildContext) -> Built:
    """Check the data set; writes what was found, and the data set in a few numbers."""
    kind: type[Kind] = context.hook("check")
    settings = context.group("check", kind.settings)

    def rows(files: ArtifactFiles, than: CheckedRows | None = None) -> CheckedRows:
        names = DataFacts.of(files.facts).label_names
        return read_rows(files.path, kind(names), sample=settings.sample, before=than)

    reference = context.inputs.get("reference")
    before = rows(reference) if reference else None
    tonight = rows(context.inputs["dataset"], before)
    known = _known(context.run[SUMMARY]) if SUMMARY in context.run else None
    checked = check(tonight, before or known, settings)
    return _write(context, checked, *suspects_in(tonight, settings))


def _known(summary: str) -> Profile | None:
    try:
        return Profile.of(json.loads(summary))
    except (ValueError, KeyError, TypeError):  # of another version of nightloom
        return None


def _write(context: BuildContext, checked: Checked, suspects: Suspects, looked_at: int) -> Built:
    rows = [finding.to_json() for finding in checked.findings]
    summary = checked.profile.to_json()
    write_json(context.out / "findings.json", rows)
    text = json.dumps(summary, ensure_ascii=False)
    (context.out / SUMMARY_FILE).write_text(text + "\n", "utf-8")
    wrong = [asdict(suspect) for suspect in suspects]
    if wrong:
        with (context.out / SUSPECTS).open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(wrong[0]))
            table.writeheader()
            table.writerows(wrong)
    write_json(context.out / "suspects.json", wrong[:MOST_ROWS])
    facts = CheckFacts(
        verdict=checked.verdict,
        warned=[one.told for one in checked.findings if one.verdict == "warned"],
        refused=[one.told for one in checked.findings if one.verdict == "refused"],
        tests=len(rows),
        rows=checked.profile.rows,
        new=checked.new,
        suspects=len(wrong) if looked_at else None,
        looked_at=looked_at or None,
    )
    return Built(facts.to_json())
