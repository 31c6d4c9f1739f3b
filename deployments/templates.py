"""Base job templates of work pools: how a run's process is made, by type of pool."""

import json
from pathlib import Path
from typing import Any

from deployments.services import HEARTBEAT_SECONDS
from nightloom.errors import InputError
from nightloom.settings.deploy import PoolSettings

FOLDER = Path(__file__).parent / "pools"


def base_job_template(pool: PoolSettings) -> dict[str, Any] | None:
    """The template of a pool, with its image and home as defaults; None: Prefect's own.

    Raises:
        InputError: The file that the settings name cannot be read.
    """
    if pool.template:
        return _read(Path(pool.template))
    if pool.type == "process":
        return None
    template = _read(FOLDER / f"{pool.type}.json")
    properties = template["variables"]["properties"]
    properties["image"]["default"] = pool.image
    properties["home"]["default"] = pool.home
    properties["env"]["default"] = {
        "NIGHTLOOM_HOME": pool.home,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
    }
    return template


def _read(path: Path) -> dict[str, Any]:
    try:
        template = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"expected a base job template (JSON) in {path}, got: {error}") from None
    if not isinstance(template, dict) or {*template} != {"job_configuration", "variables"}:
        raise InputError(
            f"expected job_configuration and variables in {path}; "
            "`prefect work-pool get-default-base-job-template` shows one"
        )
    return template
