"""Deployments that another version of nightloom made: `nightloom deploy` brings them up to date."""

import json
import urllib.request
from typing import Any

from nightloom.deployments.declared import in_file


def of_other_versions(api_url: str) -> list[str]:
    """Names of those deployments on the server whose entry points this version does not have.

    Asked without Prefect's client, which is slow to import.
    """
    return [
        one.name
        for one in in_file()
        if (there := _read(api_url, one.name)) and there["entrypoint"] != one.entrypoint
    ]


def _read(api_url: str, name: str) -> dict[str, Any] | None:
    """A deployment, None where the server has none or does not answer."""
    try:
        with urllib.request.urlopen(
            f"{api_url}/deployments/name/{name}/{name}", timeout=5
        ) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):
        return None
