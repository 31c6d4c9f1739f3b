"""`nightloom backfill`: a flow for days that are over, and its metric by day."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nightloom.cli.carrying import carry_out, quiet, stoppable, use_home_stack
from nightloom.errors import InputError
from nightloom.records.known import families, find_flow
from nightloom.settings.spelling import listed

if TYPE_CHECKING:
    from nightloom.front.running import Told
    from nightloom.settings.backfill import BackfillSettings


@click.command(
    epilog="Example: nightloom backfill classify-transformer --from 2026-11-01 --to 2026-11-05 "
    "data.source=tickets.csv data.time=day data.since=-90d",
)
@click.argument("flow")
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option("--from", "first", required=True, metavar="DATE", help="The first day: 2026-11-01.")
@click.option("--to", "last", required=True, metavar="DATE", help="The last day.")
@click.option(
    "--register",
    "registers",
    is_flag=True,
    help="Check, register and judge each day's model as in a night: aliases may move.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file with settings; those on the command line win.",
)
@click.option("--plan", is_flag=True, help="Show what each day would build; run nothing.")
@click.option("--refresh", multiple=True, metavar="STAGE", help="Rebuild this stage, each day.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def backfill(
    flow: str,
    settings: tuple[str, ...],
    first: str,
    last: str,
    registers: bool,
    config: Path | None,
    plan: bool,
    refresh: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run FLOW for each day as a night of that day: the rows from before it, by data.time.

    Days before the night (data.since=-90d) count back from it. Unchanged stages come from the
    cache, so an interrupted backfill goes on where it was. A day that fails does not stop the
    others. Without --register, nothing is compared with the champion, and nothing is registered.
    """
    asked = _asked(flow, settings, first, last, registers, config)
    quiet()
    if not plan:
        use_home_stack()
    from nightloom.flows.backfill import backfill as days
    from nightloom.front.running import carried_out

    def run() -> "Told":
        _look(asked, refresh)
        return carried_out(days, asked, refresh, plan=plan, call=stoppable, where="after --refresh")

    carry_out(run, flow="backfill", plan=plan, as_json=as_json)


def _asked(
    flow: str,
    settings: tuple[str, ...],
    first: str,
    last: str,
    registers: bool,
    config: Path | None,
) -> "BackfillSettings":
    """The model and the days.

    Raises:
        InputError: A flow, a day or a setting is wrong.
    """
    from nightloom.settings.backfill import BackfillSettings, check_dated, check_days, day_of
    from nightloom.settings.nightly import NightlyModel
    from nightloom.settings.parse import parse_settings

    entry = find_flow(flow)
    if flow not in families():
        raise InputError(
            f"a backfill is of one model, got {flow}; name its flow, {listed(families())}, with "
            "the model's settings"
        )
    days = day_of(first, "--from"), day_of(last, "--to")
    check_days(*days)
    parsed = parse_settings(entry.load_settings(), settings, config=config)
    check_dated(parsed)
    model = NightlyModel(flow=flow, settings=parsed.model_dump(mode="json", exclude_unset=True))
    return BackfillSettings(model=model, first=days[0], last=days[1], registers=registers)


def _look(asked: "BackfillSettings", refresh: tuple[str, ...]) -> None:
    """Plan the last day: what is wrong with all days ends the command before the first one.

    Raises:
        InputError: The source or a stage is wrong.
    """
    from nightloom.front.running import carried_out
    from nightloom.settings.backfill import on_day
    from nightloom.tasks.runtime.days import as_on
    from nightloom.tasks.runtime.observer import unwatched

    entry = find_flow(asked.model.flow)
    flow = entry.load()
    with as_on(asked.last), unwatched():
        carried_out(
            flow,
            on_day(asked.model.parsed(), asked.last),
            refresh,
            plan=True,
            call=stoppable,
            where="after --refresh",
        )
