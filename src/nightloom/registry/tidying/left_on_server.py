"""What is left on an MLflow server of versions that were deleted: runs, logged models, files."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nightloom.registry.leftovers import GRACE, VERSIONS_TAG
from nightloom.registry.leftovers import discard as discard_run
from nightloom.registry.store import local_path
from nightloom.registry.tidying.purging import Left
from nightloom.registry.versions import DIGEST_TAG, NAME_TAG, Version

if TYPE_CHECKING:
    from mlflow import MlflowClient


def left_on(
    client: "MlflowClient",
    registered: Mapping[str, list[Version]],
    *,
    going: Collection[str] = (),
) -> list[Left]:
    """Runs of ours that none of the `registered` versions stands for, nor will where those of the
    runs in `going` are gone; runs that were deleted are looked for no more."""
    living = {one.run_id for versions in registered.values() for one in versions}
    experiments = [one.experiment_id for one in _all(client.search_experiments, max_results=1000)]
    models: dict[str, list[Any]] = {}
    for one in _all(client.search_logged_models, experiments):
        models.setdefault(one.source_run_id or "", []).append(one)
    found = []
    query = f"tags.`{DIGEST_TAG}` != ''"
    for run in _all(client.search_runs, experiments, query) if experiments else ():
        run_id, ours = run.info.run_id, models.get(run.info.run_id, [])
        if run_id in living and run_id not in going:
            continue
        is_young = time.time() - run.info.start_time / 1000 < GRACE
        if is_young and not any(VERSIONS_TAG in one.tags for one in ours):
            continue
        found.append(
            Left(
                run_id=run_id,
                name=run.data.tags.get(NAME_TAG, ""),
                model_ids=tuple(one.model_id for one in ours),
                locations=(run.info.artifact_uri, *(one.artifact_location for one in ours)),
            )
        )
    return found


def discard(client: "MlflowClient", left: Sequence[Left], *, say: Callable[[str], None]) -> None:
    """Delete such runs and their files; what the server does not delete is said."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    for one in left:
        for location in one.locations:
            if local_path(location) is not None:
                continue
            files: Any = get_artifact_repository(location, tracking_uri=client.tracking_uri)
            try:
                files.delete_artifacts()
            except (MlflowException, NotImplementedError, OSError) as error:
                line = " ".join(str(error).split())[:200]
                say(f"{location} is not deleted: {line}; `mlflow gc` on its server deletes it")
        discard_run(client, one.run_id, one.model_ids)


def _all(search: Callable[..., Any], *arguments: Any, **named: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(*arguments, page_token=token, **named)
        found += page
        token = page.token
        if not token:
            return found
