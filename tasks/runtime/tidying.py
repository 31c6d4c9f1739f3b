"""A tidying as a run in Prefect: its name, its log, its report."""

from collections.abc import Callable

from nightloom.reporting.long_words import within_page
from nightloom.reporting.tidy_report import TidyJson, tidy_headline, tidy_markdown
from nightloom.tasks.runtime.alarms import tell_of_hands
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.one_line import keep_to_one_line

keep_to_one_line()

KEY = "tidy-report"


def tidy_name() -> str:
    """The name of a run: its local start time."""
    from prefect.runtime import flow_run

    return f"tidy {flow_run.scheduled_start_time.astimezone():%Y-%m-%d %H:%M}"


def show(tidied: Callable[[Callable[[str], None]], TidyJson]) -> TidyJson:
    """Tidy up, and show what went in Prefect's UI."""
    from prefect.artifacts import create_markdown_artifact

    tell_of_hands()  # a tidying reads the history of models, which enters what it lacks
    report = tidied(observers().warn)
    headline = tidy_headline(report)
    observers().log(headline)
    try:
        create_markdown_artifact(within_page(tidy_markdown(report)), key=KEY, description=headline)
    except Exception as error:
        observers().warn(f"the report could not be shown: {type(error).__name__}: {error}")
    return report
