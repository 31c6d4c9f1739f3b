"""The work pool and its base job template; only named settings of it are changed."""

import copy
import shlex
from typing import TYPE_CHECKING, Any

from nightloom.deployments.difference import MISSING, UNSET, Change, Step, differing
from nightloom.deployments.templates import Template, base_job_template, fill_in
from nightloom.deployments.wanted import Wanted
from nightloom.errors import InputError
from nightloom.settings.deploy import PoolSettings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PROCESS = "process"
KINDS = (PROCESS, "docker", "kubernetes")
TEMPLATE = "pool.template"
SETTINGS = {
    f"{TEMPLATE}.variables.properties.image.default": "pool.image",
    f"{TEMPLATE}.variables.properties.home.default": "pool.home",
}
"""Where a template stores them."""
FOLLOWS_HOME = f"{TEMPLATE}.variables.properties.env.default.NIGHTLOOM_HOME"


def pool_step(client: "SyncPrefectClient", wanted: Wanted, name: str) -> Step:
    """The step for the named pool, created if missing.

    Raises:
        InputError: A named setting does not fit the pool.
    """
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    try:
        there = client.read_work_pool(name)
    except ObjectNotFound:
        pool = _settings(wanted, name, wanted.get("pool.type"), None)
        template = _whole(wanted, pool, {})
        create = WorkPoolCreate(name=name, type=pool.type, base_job_template=template or {})
        changes = [Change.of("pool.type", None, pool.type)]
        if pool.image:
            changes.append(Change.of("pool.image", None, pool.image))

        def make() -> None:
            client.create_work_pool(create)

        note = _idle(name, pool.type)
        return Step("work pool", name, tuple(changes), make, is_new=True, note=note)
    before = _template_of(there)
    after = _brought_in_line(wanted, name, there.type, before)
    changes = _by_settings(differing(before, after, TEMPLATE))
    note = "" if _has_worker(client, name) else _idle(name, there.type)
    if not changes:
        return Step("work pool", name, note=note)
    update = WorkPoolUpdate(base_job_template=after)

    def bring_in_line() -> None:
        client.update_work_pool(name, update)

    return Step("work pool", name, tuple(changes), bring_in_line, note=note)


def _has_worker(client: "SyncPrefectClient", name: str) -> bool:
    return any(one.status == "ONLINE" for one in client.read_workers_for_work_pool(name))


def _idle(name: str, kind: str) -> str:
    """A warning that nothing deployed to this pool will run."""
    command = f"prefect worker start --pool {shlex.quote(name)} --type {kind}"
    return f"no worker is polling it; start one: {command}"


def _template_of(there: Any) -> Template:
    """The template on the server; workers treat an empty one as the default."""
    if there.type == PROCESS and not there.base_job_template:
        return _process_template()
    return dict(there.base_job_template)


def _brought_in_line(wanted: Wanted, name: str, kind: str, before: Template) -> Template:
    pool = _settings(wanted, name, kind, before)
    if wanted.has(TEMPLATE):
        return _whole(wanted, pool, before) or _process_template()
    if kind == PROCESS:
        return before
    return fill_in(
        copy.deepcopy(before),
        image=pool.image if wanted.has("pool.image") else None,
        home=pool.home if wanted.has("pool.home") else None,
        where=f"the work pool {name}",
    )


def _whole(wanted: Wanted, pool: PoolSettings, before: Template) -> Template | None:
    """A template from its file, or the type's default; None: Prefect's own.

    before: the one on the server; its image and home are kept if the file has none.
    """
    template = base_job_template(pool)
    if template is None or not pool.template:
        return template
    given = {}
    for name in ("image", "home"):
        setting = f"pool.{name}"
        if setting in wanted.spoken:
            given[name] = wanted.get(setting)
        elif _is_open(template, name):
            given[name] = wanted.get(setting, _default(before, name))
    return fill_in(template, image=given.get("image"), home=given.get("home"), where=pool.template)


def _settings(wanted: Wanted, name: str, kind: str, before: Template | None) -> PoolSettings:
    """The settings of a pool of that type; those not named come from its template.

    before: the template on the server; None: the pool is new.
    """
    image = wanted.get("pool.image", _default(before or {}, "image"))
    template = wanted.get(TEMPLATE)
    typed = wanted.get("pool.type", kind)
    ours = before is None or typed != kind or wanted.has(TEMPLATE) or wanted.has("pool.image")
    if ours and typed != PROCESS and not image and not template:
        raise InputError(f"pool.type={typed} needs pool.image, the image of nightloom")
    if typed != kind:
        raise InputError(
            f"expected work pool {name} to have type {typed}, got {kind}; "
            f"choose another pool.name, say pool.type={kind}, or delete the pool"
        )
    if wanted.has(TEMPLATE) and not template and kind not in KINDS:
        raise InputError(
            f"expected a file in pool.template: {name} has type {kind}, for which there "
            "is no template here; `prefect work-pool get-default-base-job-template` writes one"
        )
    for setting in ("pool.image", "pool.home"):
        if kind == PROCESS and setting in wanted.spoken and wanted.get(setting) is not None:
            raise InputError(
                f"{setting} is for pools of type docker or kubernetes, but {name} has "
                "type process; leave it out, or choose another pool.name and pool.type"
            )
    values = {
        "name": name,
        "template": template,
        "image": image,
        "home": wanted.get("pool.home", _default(before or {}, "home")),
    }
    return PoolSettings.model_construct(type=kind, **values)


def _process_template() -> Template:
    from prefect.workers.process import ProcessWorker

    return ProcessWorker.get_default_base_job_template()


def _by_settings(changes: list[Change]) -> list[Change]:
    """By the names of settings, if there are any."""
    found = [_by_setting(one) if one.what in SETTINGS else one for one in changes]
    if any(one.what == "pool.home" for one in found):
        found = [one for one in found if one.what != FOLLOWS_HOME]
    return found


def _by_setting(one: Change) -> Change:
    """Without a default in the template the setting is none."""
    old, new = (MISSING if said == UNSET else said for said in (one.old, one.new))
    return Change(SETTINGS[one.what], old, new)


def _default(template: Template, variable: str) -> Any:
    found = template.get("variables", {}).get("properties", {}).get(variable, {})
    return found.get("default") if isinstance(found, dict) else None


def _is_open(template: Template, variable: str) -> bool:
    found = template["variables"].get("properties", {}).get(variable)
    return isinstance(found, dict) and "default" not in found
