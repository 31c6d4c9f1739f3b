"""`check_data`: whether tonight's rows are such that the run goes on; nothing is made of it.

No later stage has it among its inputs: whom the rows are compared with moves no other key.
"""

import json
from dataclasses import replace
from typing import Any

from nightloom.cache.artifact import Artifact
from nightloom.cache.canonical import digest_of
from nightloom.data.checks.profile import SUMMARY_FILE
from nightloom.errors import DataRefused, LoginError, RunError
from nightloom.facts import CheckFacts, DataFacts
from nightloom.registry.references import Reference, note_check, read_otherwise, reference_of
from nightloom.settings.flows import FlowSettings
from nightloom.stages.check_data import SUMMARY
from nightloom.stages.declaration import StageDeclaration
from nightloom.stages.examples import check_examples
from nightloom.tasks.runtime.omitting import omitted
from nightloom.tasks.runtime.planning import Planned
from nightloom.tasks.runtime.run import Run, current_run
from nightloom.tasks.runtime.stage import Stage


class CheckData(Stage):
    """Finds what the rows are compared with, and ends the run where they are refused."""

    def __call__(self, settings: FlowSettings, **inputs: Artifact | Planned) -> Artifact:
        """The stage's artifact.

        Raises:
            DataRefused: The run must not go on with these rows.
            InputError: An example that must hold has a label that the data lack.
        """
        run, dataset = current_run(), inputs["dataset"]
        if isinstance(dataset, Planned) or omitted(self.declaration.name):
            return super().__call__(settings, dataset=dataset)
        check_examples(settings, DataFacts.of(dataset.facts))
        model = settings.registry.name or run.flow
        try:
            found = reference_of(run.home, model, dataset)
        except LoginError:
            raise  # nothing could be registered in the end
        except RunError as error:  # a night goes on without its registry, as far as it comes
            found = Reference(f"the registry cannot be read ({error})")
            run.observer.warn(f"check_data: by rules alone, {found.called}")
        reference = self._as_it_was(run, settings, dataset, found)
        if reference.summary:
            run.facts[SUMMARY] = reference.summary
        given = {"dataset": dataset, **({"reference": reference.data} if reference.data else {})}
        try:
            artifact = super().__call__(settings, **given)
        finally:
            run.facts.pop(SUMMARY, None)
        if isinstance(artifact, Artifact):
            self._decide(run, settings, model, dataset, reference, artifact)
        return artifact

    def known(self, run: Run) -> dict[str, Any]:
        """The summary of the champion's data, by content."""
        summary = run.facts.get(SUMMARY)
        return {"reference": digest_of(json.loads(summary))} if summary else {}

    def _as_it_was(
        self, run: Run, settings: FlowSettings, dataset: Artifact, reference: Reference
    ) -> Reference:
        """Of data that are the reference themselves: as they were checked when they came."""
        if reference.then is None:
            return reference
        earlier = reference.then.artifact()
        inputs = {"dataset": dataset, "reference": earlier}
        key = self.declaration.key(settings.on(run.gpu), inputs)
        is_there = run.store.path(key.stage, key.digest()).exists()
        return replace(reference, data=earlier) if is_there else reference

    def _decide(
        self,
        run: Run,
        settings: FlowSettings,
        model: str,
        dataset: Artifact,
        reference: Reference,
        artifact: Artifact,
    ) -> None:
        """Say what was found; end the run where that is so bad, and nobody let it in."""
        facts, entry = CheckFacts.of(artifact.facts), run.entries[-1]
        entry.verdict = facts.verdict
        if not run.plan:
            self._note(run, model, dataset, reference, artifact)
        if entry.state == "built" and not (reference.data or reference.summary):
            run.observer.log(
                f"check_data: by rules alone, {reference.accepted or reference.called}"
            )
        beside = f" beside {reference.called}" if reference.data or reference.summary else ""
        told = f"{model}: tonight's data are {facts.verdict}{beside}: {facts.told}"
        let_in = self._let_in(run, settings, dataset, reference)
        if facts.verdict == "refused" and not let_in:
            told += f'; if that is right, `nightloom accept-data {model} --why "…"` lets them in'
            if not run.plan:
                entry.state = "failed"
                raise DataRefused(told)
            told += " (the run ends here)"
        if facts.verdict != "fine":
            told += f"; the run goes on: {let_in}" if let_in else ""
            run.observer.warn(told)
            run.notes.append(told)

    @staticmethod
    def _let_in(run: Run, settings: FlowSettings, dataset: Artifact, reference: Reference) -> str:
        """Why refused data are let in all the same; '' where they are not."""
        if reference.accepted:
            return reference.accepted
        if not settings.check.refuse:
            return "check.refuse=false"
        if reference.data and not reference.then:
            changed = read_otherwise(run.home, reference.data, dataset)
            return f"they are read otherwise than {reference.called}, {changed}" if changed else ""
        return ""

    @staticmethod
    def _note(
        run: Run, model: str, dataset: Artifact, reference: Reference, artifact: Artifact
    ) -> None:
        """Keep what was found: for `accept-data`, and for the version that comes of the run."""
        facts = CheckFacts.of(artifact.facts)
        compared = reference.data and {"key": reference.data.key, "digest": reference.data.digest}
        note = {
            "verdict": facts.verdict,
            "told": facts.told,
            "data": {"key": dataset.key, "digest": dataset.digest},
            "reference": compared,
        }
        run.facts["check"] = {"key": artifact.key, "digest": artifact.digest, "note": note}
        summary = (run.store.files(artifact).path / SUMMARY_FILE).read_text("utf-8")
        note_check(run.home, model, {**note, "summary": json.loads(summary)})


check_data = CheckData(
    StageDeclaration(
        name="check_data",
        builder="nightloom.stages.check_data:build",
        inputs=("dataset",),
        optional=("reference",),
        reads=("check",),
        uses=("check.refuse",),
        by="task",
        calls=("check",),
    )
)
