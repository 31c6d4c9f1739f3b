"""Base job templates of work pools: how runs are executed, by type of pool."""

import json
from pathlib import Path
from typing import Any

from nightloom.deployments.services import HEARTBEAT_SECONDS
from nightloom.errors import InputError
from nightloom.settings.deploy import PoolSettings

Template = dict[str, Any]
"""A base job template, as Prefect has it: `job_configuration` and `variables`."""
FOLDER = Path(__file__).parent / "pools"


def base_job_template(pool: PoolSettings) -> Template | None:
    """The template of a pool, with its image and home as defaults; None: Prefect's own.

    Raises:
        InputError: The file named in the settings cannot be read.
    """
    if pool.template:
        return _read(Path(pool.template))
    if pool.type == "process":
        return None
    template = _read(FOLDER / f"{pool.type}.json")
    variables = template["variables"]["properties"]
    variables["env"]["default"] = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS)}
    return fill_in(template, image=pool.image, home=pool.home, where=f"{pool.type}.json")


def fill_in(template: Template, *, image: str | None, home: str | None, where: str) -> Template:
    """The template with image and home as defaults of its variables; None leaves a default as is.

    Raises:
        InputError: It has no such variable; says `where`.
    """
    variables = template.get("variables", {}).get("properties", {})
    for name, value in (("image", image), ("home", home)):
        if value is None:
            continue
        if not isinstance(variables.get(name), dict):
            raise InputError(
                f"expected a variable {name} in the base job template of {where} for "
                f"pool.{name}; give it one, or leave pool.{name} out"
            )
        variables[name]["default"] = value
    if home is not None and isinstance(variables.get("env"), dict):
        variables["env"]["default"] = {
            **(variables["env"].get("default") or {}),
            "NIGHTLOOM_HOME": home,
        }
    return template


def _read(path: Path) -> Template:
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
