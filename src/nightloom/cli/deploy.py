"""`nightloom deploy`: everything a Prefect server needs to run the flows unattended."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from nightloom.errors import InputError, RunError
from nightloom.home import Home


@click.command(
    epilog="Examples: nightloom deploy; "
    "nightloom deploy nightly.models=nightly.yaml nightly.cron='30 1 * * *' "
    "nightly.timezone=Europe/Berlin; nightloom deploy gpu.slots=2 "
    "notify.webhook=https://example.org/hook"
)
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file with settings; those on the command line win.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def deploy(settings: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Set up work pool, concurrency limit, deployments, schedule and automations.

    On the server that PREFECT_API_URL or Prefect's profile names, else on this home's stack. May be
    repeated: brings in line what differs. Settings: `nightloom flows deploy`.
    """
    from deployments.stack import use_stack
    from nightloom.settings.deploy import DeploySettings
    from nightloom.settings.parse import parse_settings

    parsed = parse_settings(DeploySettings, settings, config=config)
    use_stack(Home.current())
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import PREFECT_API_URL

    import tasks  # noqa: F401  (sets up Prefect's environment)
    from deployments.setup import set_up

    url = PREFECT_API_URL.value()
    if not url:
        raise InputError(
            "expected a Prefect server; start one with `nightloom up -d`, or set PREFECT_API_URL"
        )
    import httpx

    rows = []
    try:
        for done in set_up(parsed):
            rows.append(asdict(done))
            if not as_json:
                click.echo(f"{done.change:<9}  {done.kind} {done.name}")
    except PrefectHTTPStatusError as error:
        said = " ".join(error.response.text.split())[:300]
        raise RunError(f"{url} answered {error.response.status_code}: {said}") from error
    except httpx.HTTPError as error:
        raise RunError(f"expected a Prefect server at {url}, but: {error}") from error
    if as_json:
        click.echo(json.dumps({"api_url": url, "done": rows}))
