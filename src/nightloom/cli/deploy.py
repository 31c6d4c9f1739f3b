"""`nightloom deploy`: sets up a Prefect server to run the flows unattended."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nightloom.cli.main import say
from nightloom.errors import InputError, RunError
from nightloom.home import Home

if TYPE_CHECKING:
    from nightloom.deployments.difference import Step
    from nightloom.deployments.wanted import Wanted

WOULD_CHANGE = 3
"""Exit status of --dry-run if something would change."""


@click.command(
    epilog="Examples: nightloom deploy; "
    "nightloom deploy nightly.models=nightly.yaml nightly.cron='30 1 * * *' "
    "nightly.timezone=Europe/Berlin; nightloom deploy gpu.slots=2 "
    "notify.webhook=https://example.org/hook; nightloom deploy --unset notify.webhook; "
    "nightloom deploy --config deploy.yaml --dry-run"
)
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file that determines all settings: those it lacks return to their defaults; those "
    "on the command line win.",
)
@click.option(
    "--unset", multiple=True, metavar="SETTING", help="Reset this setting to its default."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only show what would change; exit status 0 if nothing would, 3 if something would.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def deploy(
    settings: tuple[str, ...],
    config: Path | None,
    unset: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Set up work pool, concurrency limit, deployments, schedule and automations.

    On the server named by PREFECT_API_URL or Prefect's profile, else on this home's stack. Can be
    repeated: settings that are not named stay as they are on the server, as do edits in Prefect's
    UI; each change is shown as old → new before it is made. --unset SETTING, or SETTING= where none
    is allowed, resets a setting. `nightloom flows deploy` lists the settings.
    """
    import nightloom.tasks  # noqa: F401  (sets up Prefect's environment)
    from nightloom.deployments.stack import use_stack
    from nightloom.deployments.wanted import parse_wanted

    wanted = parse_wanted(settings, config=config, unset=unset)
    use_stack(Home.current())
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        raise InputError(
            "expected a Prefect server; start one with `nightloom up -d`, or set PREFECT_API_URL"
        )
    from nightloom.deployments.declared import usable

    for line in usable()[1]:
        say(f"note: {line}")
    with _server(url):
        differs = _deploy(wanted, url, dry_run=dry_run, as_json=as_json)
    if dry_run and differs:
        raise click.exceptions.Exit(WOULD_CHANGE)


def _deploy(wanted: "Wanted", url: str, *, dry_run: bool, as_json: bool) -> bool:
    """Compare, show and apply changes; returns whether anything differed."""
    from prefect.client.orchestration import get_client

    from nightloom.deployments.setup import steps, take

    with get_client(sync_client=True) as client:
        found = list(steps(client, wanted))
        if not as_json:
            for change in (change for step in found for change in step.changes):
                click.echo(str(change))
        rows = []
        for step in found if dry_run else take(found):
            rows.append(_row(step))
            if not as_json:
                click.echo(_line(step, dry_run=dry_run))
    if as_json:
        click.echo(json.dumps({"api_url": url, "dry_run": dry_run, "done": rows}))
    differing = sum(step.take is not None for step in found)
    if dry_run:
        say(f"{differing or 'nothing'} would change; nothing was done")
    return bool(differing)


def _row(step: "Step") -> dict[str, Any]:
    changes = [{"what": one.what, "old": one.old, "new": one.new} for one in step.changes]
    row = {"kind": step.kind, "name": step.name, "change": step.change, "changes": changes}
    return {**row, "note": step.note} if step.note else row


def _line(step: "Step", *, dry_run: bool) -> str:
    change: str = step.change
    if dry_run and step.take:
        change = {"created": "would create", "updated": "would update"}[change]
    note = f" ({step.note})" if step.note else ""
    return f"{change:<{12 if dry_run else 9}}  {step.kind} {step.name}{note}"


@contextmanager
def _server(url: str) -> Iterator[None]:
    """Turn the server's refusals and silence into one-line errors."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    from nightloom.deployments.passwords import refused_by_prefect
    from nightloom.deployments.refusals import unexpected

    try:
        yield
    except PrefectHTTPStatusError as error:
        if refused := refused_by_prefect(error):
            raise refused from error
        raise unexpected(url, error.response) from error
    except httpx.HTTPError as error:
        raise RunError(f"expected a Prefect server at {url}, but: {error}") from error
