"""`nightly`: retrains a list of models and reports in the morning how it went.

nightloom run nightly --config nightly.yaml                   the models, one after the other
nightloom run nightly --config nightly.yaml run.engine=ray    in parallel, on a Ray cluster
"""

from typing import Annotated

from prefect import flow

from nightloom.records.known import find_flow
from nightloom.reporting.night import ModelOfNight, NightJson
from nightloom.settings.nightly import NightlyModel, NightlySettings
from nightloom.settings.one_line import InOneLine
from nightloom.settings.score import ScoreSettings
from nightloom.tasks.runtime.alarms import alarmed
from nightloom.tasks.runtime.cancelling import cancellable
from nightloom.tasks.runtime.days import as_on
from nightloom.tasks.runtime.missed import day_after_missed
from nightloom.tasks.runtime.night import Night, answer, engine_of, night_name, retrain


@flow(name="nightly", flow_run_name=night_name, validate_parameters=True, persist_result=False)
def nightly(
    settings: Annotated[NightlySettings, InOneLine], refresh: tuple[str, ...] = ()
) -> NightJson:
    """Models → each retrained in its own flow → answers → one summary; fails if anything failed.

    Own steps run before the models and after them.

    Args:
        settings: The night's models, each a flow, its settings and a name; where they run; the
            rows that are answered then.
        refresh: Stages to rebuild even if nothing changed.
    """

    def one(model: NightlyModel) -> ModelOfNight:
        return retrain(find_flow(model.flow), model, night=night, refresh=refresh)

    def scored(score: ScoreSettings) -> ModelOfNight:
        return answer(find_flow("score"), score, night, refresh=refresh)

    night = Night(settings, refresh=refresh)
    with (
        cancellable(),
        alarmed(settings),
        as_on(day_after_missed()),
        engine_of(settings.run) as engine,
    ):
        if night.before():
            night.add(*engine.each(one, settings.models))
            night.add_scored(*map(scored, settings.score))
        night.after()
        return night.over()
