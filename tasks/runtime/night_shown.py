"""What operators see of a night in Prefect's UI, and the record that is kept of it."""

from collections.abc import Sequence

from nightloom.errors import NightloomError
from nightloom.home import Home
from nightloom.registry.nights.experiment import keep_night, nights_of
from nightloom.registry.nights.record import NightRecord
from nightloom.reporting.answers_report import answers_part
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.long_words import within_page
from nightloom.reporting.night import ModelOfNight, night_headline, record_of, unanswered
from nightloom.reporting.night_report import night_report
from nightloom.reporting.night_rows import night_table
from nightloom.reporting.trend import by_model, trend_markdown
from nightloom.reporting.trend_picture import trend_picture
from nightloom.tasks.runtime.days import begins_at
from nightloom.tasks.runtime.noted import rows_read
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.untold import told


def show_night(
    models: Sequence[ModelOfNight],
    scored: Sequence[ModelOfNight],
    steps: Sequence[StageEntry],
    *,
    seconds: float,
    cost: float | None,
) -> None:
    """The summary as artifacts; if the server refuses them, the night still succeeds."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    records = _kept(models)
    errors = [*unanswered(scored), *(one.why for one in steps if one.state == "failed")]
    headline = night_headline(models, errors)
    report = night_report(
        models, steps, seconds=seconds, nights=by_model(records), cost=cost, scored=scored
    )
    report = "\n".join(filter(None, [report, answers_part(scored)]))
    tonight = [one for one in records if one.model in {model.name for model in models}]
    rows = night_table(models)
    try:
        create_markdown_artifact(within_page(report), key="nightly-report", description=headline)
        if rows:
            create_table_artifact(rows, key="nightly-models", description="One row per model")
        create_markdown_artifact(
            within_page(trend_markdown(tonight)),
            key="nightly-trend",
            description="The models over the nights",
        )
        if picture := trend_picture(tonight):
            # of an image, Prefect's pages show the address as well: here kilobytes of letters
            create_markdown_artifact(
                f"![The metric by night]({picture})",
                key="nightly-trend-plot",
                description="The metric by night; orange: promoted",
            )
    except Exception as error:
        observers().warn(f"the summary could not be shown: {type(error).__name__}: {error}")


def _kept(models: Sequence[ModelOfNight]) -> list[NightRecord]:
    """Keep a record of each model, and read those of all nights; none where the store fails."""
    from prefect.runtime import flow_run

    home, when = Home.current(), begins_at()
    records = [
        record_of(
            one,
            night=str(flow_run.id),
            called=f"nightly {when:%Y-%m-%d %H:%M}",
            when=when.timestamp(),
            rows=sum(rows_read(one.stages).values()) or None,
        )
        for one in models
    ]
    try:
        keep_night(home.tracking_uri, home.model_files, records)
        told(home, [e for one in models if not one.failed for e in one.stages], by_night=True)
        return nights_of(home.tracking_uri)
    except NightloomError as error:
        observers().warn(f"no record of this night is kept: {error}")
        return records
