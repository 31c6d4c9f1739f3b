"""Old runs of nightloom in Prefect: removed with their artifacts and logs, whatever server it is.

The server's own services remove events by their age, and what interrupted removals leave.
"""

from datetime import datetime
from typing import Any

from nightloom.records.known import flows

OTHERS = ("watch", "backfill", "tidy")
"""Flows that are no records."""
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
PAGE = 50
"""Runs, or artifacts, that are removed at a time."""


def remove_old_runs(before: datetime, *, removes: bool) -> tuple[int, str]:
    """How many runs ended before a moment, which `removes` removes; and why none were looked for.

    Other flows' runs on the server are left alone.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        return 0, "Prefect's runs are left: no server is named (PREFECT_API_URL, `nightloom up`)"
    with get_client(sync_client=True) as client:
        wanted = _filter(before)
        if not removes:
            return int(client.request("POST", "/flow_runs/count", json=wanted).json()), ""
        count = 0
        while found := _page(client, "flow_runs", wanted):
            _remove_artifacts(client, [one["id"] for one in found])
            for one in found:
                _delete(client, f"/flow_runs/{one['id']}")
            count += len(found)
        return count, ""


def _filter(before: datetime) -> dict[str, Any]:
    return {
        "flows": {"name": {"any_": [*flows(), *OTHERS]}},
        "flow_runs": {
            "end_time": {"before_": before.isoformat()},
            "state": {"type": {"any_": list(ENDED)}},
        },
    }


def _remove_artifacts(client: Any, runs: list[str]) -> None:
    wanted = {"flow_runs": {"id": {"any_": runs}}}
    while found := _page(client, "artifacts", wanted):
        for one in found:
            _delete(client, f"/artifacts/{one['id']}")


def _page(client: Any, kind: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.request("POST", f"/{kind}/filter", json={**wanted, "limit": PAGE})
    found: list[dict[str, Any]] = answer.json()
    return found


def _delete(client: Any, path: str) -> None:
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    try:
        client.request("DELETE", path)
    except ObjectNotFound:
        pass
    except PrefectHTTPStatusError as error:
        if error.response.status_code != 404:  # another tidying was faster
            raise
