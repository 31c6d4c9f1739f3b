"""`score`: a registered model's answers to new rows, in Parquet.

nightloom run score model=news@champion data.source=rows.csv score.output=answers.parquet
nightloom run score model=news data.source=s3://bucket/new score.precision=0.98
"""

from typing import Annotated

from prefect import flow

from nightloom.reporting.report import RunJson
from nightloom.settings.one_line import InOneLine
from nightloom.settings.score import ScoreSettings
from nightloom.tasks.read_rows import read_rows
from nightloom.tasks.runtime.answering import answered, score_name, version_named
from nightloom.tasks.runtime.run import pipeline
from nightloom.tasks.score import score as answer


@flow(name="score", flow_run_name=score_name, validate_parameters=True, persist_result=False)
def score(settings: Annotated[ScoreSettings, InOneLine], refresh: tuple[str, ...] = ()) -> RunJson:
    """Version, source → rows → answers, one for each row, in order.

    Args:
        settings: The model, where the rows come from, and where the answers go.
        refresh: Stages to rebuild even if nothing changed.
    """
    with pipeline("score", settings, refresh=refresh):
        version = version_named(settings)
        rows = read_rows(settings)
        answers = answer(settings, rows=rows)
        return answered(settings, version=version, answers=answers)
