"""`tidy`: removes what is beyond keep.versions and keep.days, and what nothing needs any more.

nightloom tidy --dry-run
"""

from typing import Annotated

from prefect import flow

from nightloom.reporting.tidy_report import TidyJson
from nightloom.settings.one_line import InOneLine
from nightloom.settings.tidy import TidySettings
from nightloom.tasks.runtime.cancelling import cancellable
from nightloom.tasks.runtime.tidying import show, tidy_name
from nightloom.tasks.tidy import tidied


@flow(name="tidy", flow_run_name=tidy_name, validate_parameters=True, persist_result=False)
def tidy(
    settings: Annotated[TidySettings, InOneLine] = TidySettings(), dry_run: bool = False
) -> TidyJson:
    """Versions, runs, artifacts → those that are in use or young enough → a report of the rest.

    Args:
        settings: How many versions and days are kept.
        dry_run: Only report what would go.
    """
    with cancellable():
        return show(lambda say: tidied(settings, removes=not dry_run, say=say))
