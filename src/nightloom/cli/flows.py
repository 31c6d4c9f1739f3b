"""`nightloom flows`: what can be run, and with which settings."""

import json
from typing import Any

import click

from nightloom.cli.main import say
from nightloom.records import known


@click.command(
    epilog="Examples: nightloom flows; nightloom flows classify-transformer; nightloom flows deploy"
)
@click.argument("flow", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def flows(flow: str | None, as_json: bool) -> None:
    """List the flows, or a FLOW's settings with defaults; `deploy` and `tidy` list those of these
    commands."""
    if flow is None:
        for line in (*known.found().broken, *known.formats().broken):
            say(f"note: {line}")
        if as_json:
            click.echo(json.dumps({name: one.summary for name, one in known.flows().items()}))
            return
        for name, one in known.flows().items():
            click.echo(f"{name:<22} {one.summary}")
        click.echo(
            "(`nightloom flows deploy` lists the settings of `nightloom deploy`, "
            "`nightloom flows tidy` those of `nightloom tidy`)"
        )
        return
    from nightloom.settings.names import descriptions

    kind = settings_called(flow)
    values = defaults_of(kind)
    if as_json:
        click.echo(json.dumps(values, indent=1))
        return
    notes = descriptions(kind)
    for name, value in values.items():
        shown = ",".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{name}={'none' if shown is None else shown}")
        if notes.get(name):
            click.echo(f"    {notes[name]}")


def defaults_of(kind: Any) -> dict[str, Any]:
    """The default of every setting, by dotted name; `needed` where there is none."""
    from nightloom.settings.base import flat, public_fields

    needed = {name: "needed" for name, field in kind.model_fields.items() if field.is_required()}
    given = tuple(name for name in public_fields(kind) if name not in needed)
    return {**flat(kind.model_construct() if needed else kind(), given), **needed}


def settings_called(flow: str) -> Any:
    """The type of the settings of a flow, of `deploy` or of `tidy`."""
    if flow == known.DEPLOY:
        from nightloom.settings.deploy import DeploySettings

        return DeploySettings
    if flow == known.TIDY:
        from nightloom.settings.tidy import TidySettings

        return TidySettings
    return known.find_flow(flow).load_settings()
