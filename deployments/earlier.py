"""Deployments from another version of nightloom, which `nightloom deploy` updates."""

import json
import urllib.request
from typing import Any

from nightloom.deployments.declared import in_file
from nightloom.deployments.passwords import prefect_header


def of_other_versions(api_url: str) -> list[str]:
    """Names of deployments on the server whose entry points do not exist in this version.

    Does without Prefect's client, which is slow to import.
    """
    return [
        one.name
        for one in in_file()
        if (there := _read(api_url, one.name)) and there["entrypoint"] != one.entrypoint
    ]


def _read(api_url: str, name: str) -> dict[str, Any] | None:
    """A deployment, None if the server has none or does not answer."""
    try:
        request = urllib.request.Request(
            f"{api_url}/deployments/name/{name}/{name}", headers=prefect_header()
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):
        return None
