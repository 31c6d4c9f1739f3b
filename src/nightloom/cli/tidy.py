"""`nightloom tidy`: removes what is old and unused, after saying what that is."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nightloom.cli.carrying import quiet, use_home_stack
from nightloom.cli.main import say
from nightloom.errors import InputError

if TYPE_CHECKING:
    from nightloom.reporting.tidy_report import TidyJson


@click.command(
    epilog="Examples: nightloom tidy --dry-run; nightloom tidy keep.versions=10 keep.days=30; "
    "nightloom tidy --yes"
)
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file with settings; those on the command line win.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def tidy(
    settings: tuple[str, ...], config: Path | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Remove versions and runs beyond keep.versions and keep.days, and what nothing needs any more.

    With their files, their artifacts, Prefect's runs of nightloom that are as old, leftovers of
    killed runs, long logs. Shows what would go and asks. Never removes a version with an alias
    (champion, challenger), the anchor, the last three champions, versions that a person holds, put
    back or withdrew or that wait for one, what `rollback` goes back to, nor what a running flow
    uses. `nightloom flows tidy` lists the settings.
    """
    from nightloom.settings.parse import parse_settings
    from nightloom.settings.tidy import TidySettings

    asked = parse_settings(TidySettings, settings, config=config)
    is_asking = not (dry_run or yes)
    if is_asking and (as_json or not sys.stdin.isatty()):
        raise InputError(
            "expected --dry-run to see what would be removed, or --yes to remove it: there is "
            "nobody to ask"
        )
    use_home_stack()
    quiet()
    from nightloom.tasks.tidy import tidied

    only = None
    if not yes:
        planned = tidied(asked, removes=False, say=say)
        if as_json:
            click.echo(json.dumps(planned, ensure_ascii=False))
        else:
            _show(planned)
        if dry_run or not _is_anything(planned):
            return
        click.confirm("Remove this?", abort=True)
        only = {(one["name"], one["version"]) for one in planned["versions"]}
    done = tidied(asked, removes=True, say=say, only=only)
    if as_json:
        click.echo(json.dumps(done, ensure_ascii=False))
    elif yes:
        _show(done)
    else:
        from nightloom.reporting.tidy_report import tidy_headline

        click.echo(tidy_headline(done))


def _show(report: "TidyJson") -> None:
    from nightloom.reporting.tidy_report import tidy_headline, tidy_notes, tidy_rows

    for what, size in tidy_rows(report):
        click.echo(f"{what}  {size}".rstrip())
    for note in tidy_notes(report):
        click.echo(note)
    click.echo(tidy_headline(report))


def _is_anything(report: "TidyJson") -> bool:
    counts = (report["artifacts"]["count"], report["rest"]["count"], report["prefect"]["runs"])
    return bool(report["versions"] or report["runs"] or any(counts))
