"""Whether a planned night meets the deadline that is set up on its server."""

import contextlib
import os
from typing import Any

from nightloom.home import Home


def add_deadline(report: Any) -> None:
    """Say in a plan's forecast that the night will be late, if it will.

    The deadline is asked of the server that PREFECT_API_URL names, else of the home's stack; where
    none answers, nothing is said.
    """
    from nightloom.deployments.stack import running_stack
    from nightloom.reporting.forecast import too_late

    stack = running_stack(Home.current())
    url = os.environ.get("PREFECT_API_URL") or (stack.api_url if stack and stack.ready else None)
    if not url or not report.get("forecast", {}).get("seconds"):
        return
    with contextlib.suppress(Exception):  # a plan needs no server
        given = _given(url)
        late = too_late(report["forecast"], *given) if given else ""
        if late:
            report["forecast"]["late"] = late


def _given(url: str) -> tuple[str, float] | None:
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from nightloom.deployments.deadline import time_given

    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        return time_given(client)
