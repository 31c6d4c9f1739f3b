"""What only holds for a run of a deployment, which a worker starts in a directory of its own."""

from nightloom.errors import InputError
from nightloom.settings.local_paths import relative_in_score
from nightloom.settings.score import ScoreSettings


def is_deployed() -> bool:
    """Whether the current flow run is one of a deployment itself, not a subflow of one."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run is not None and run.deployment_id is not None


def check_outputs(*scores: ScoreSettings) -> None:
    """Raise InputError, in a deployed run, for answers that would be lost with its directory."""
    if not is_deployed():
        return
    for one in scores:
        if output := relative_in_score(one).get("score.output"):
            raise InputError(
                f"{one.title}: expected an absolute path in score.output, got {output}; the worker "
                "runs in a directory of its own, which is removed afterwards"
            )
