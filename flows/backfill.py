"""`backfill`: a model's flow for days that are over, each as a night of that day would have been.

nightloom backfill classify-transformer --from 2026-11-01 --to 2026-11-05 data.time=day …
"""

from typing import Annotated

from prefect import flow

from nightloom.records.known import find_flow
from nightloom.reporting.backfill_report import BackfillJson
from nightloom.settings.backfill import BackfillSettings
from nightloom.settings.one_line import InOneLine
from nightloom.tasks.runtime.backfill import Backfill, backfill_name
from nightloom.tasks.runtime.cancelling import cancellable


@flow(name="backfill", flow_run_name=backfill_name, validate_parameters=True, persist_result=False)
def backfill(
    settings: Annotated[BackfillSettings, InOneLine], refresh: tuple[str, ...] = ()
) -> BackfillJson:
    """Days → the flow run for each → the metric by day; fails if a day failed.

    Args:
        settings: The model's flow and settings, the days, and whether versions are registered.
        refresh: Stages to rebuild even if nothing changed.
    """
    past = Backfill(settings)
    with cancellable():
        for day in settings.days:
            past.run(find_flow(settings.model.flow), day, refresh=refresh)
        return past.over()
