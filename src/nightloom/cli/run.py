"""`nightloom run`: runs a flow from the terminal."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nightloom.cli.carrying import carry_out, quiet, stoppable, use_home_stack
from nightloom.cli.main import say
from nightloom.records.known import find_flow

if TYPE_CHECKING:
    from nightloom.front.running import Told


@click.command(
    epilog="Examples: nightloom run classify-transformer data.source=sample train.epochs=2; "
    "nightloom run classify-transformer --plan; "
    "nightloom run classify-transformer --refresh train --json",
)
@click.argument("flow")
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file with settings; those on the command line win.",
)
@click.option("--plan", is_flag=True, help="Show what would run, and why; run nothing.")
@click.option("--refresh", multiple=True, metavar="STAGE", help="Rebuild this stage.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def run(
    flow: str,
    settings: tuple[str, ...],
    config: Path | None,
    plan: bool,
    refresh: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run FLOW; unchanged stages come from the cache.

    SETTING=VALUE changes a setting, such as train.epochs=3; `nightloom flows FLOW` lists them.
    Of a setting that is given twice, the last counts.
    """
    from nightloom.settings.parse import parse_settings

    entry = find_flow(flow)
    parsed = parse_settings(entry.load_settings(), settings, config=config)
    if entry.name == "nightly":
        from nightloom.settings.local_paths import notes_on_paths

        for note in notes_on_paths(parsed):
            say(f"note: {note}")
    quiet()
    if not plan:
        use_home_stack()
    from nightloom.front.running import at_stack, carried_out
    from nightloom.home import Home

    def carried() -> "Told":
        # a plan asks the stack's server alone, and does without where there is none
        with at_stack(Home.current()) if plan else nullcontext():
            told = carried_out(
                entry.load(), parsed, refresh, plan=plan, call=stoppable, where="after --refresh"
            )
        if plan and entry.name == "nightly":
            from nightloom.cli.deadline import add_deadline

            add_deadline(told)
        return told

    carry_out(carried, flow=flow, plan=plan, as_json=as_json)
