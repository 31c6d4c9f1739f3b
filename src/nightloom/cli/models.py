"""`nightloom models`: what is registered."""

import json
import time

import click

from nightloom.home import Home


@click.command(epilog="Examples: nightloom models; nightloom models --json")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def models(as_json: bool) -> None:
    """List the registered models and their versions."""
    from nightloom.registry.aliases import list_models

    found = list_models(Home.current().tracking_uri)
    if as_json:
        rows = [
            {
                "name": entry.name,
                "version": entry.version,
                "aliases": list(entry.aliases),
                "metric": entry.metric[0] if entry.metric else None,
                "value": entry.metric[1] if entry.metric else None,
                "decision": entry.decision,
                "created": entry.created,
            }
            for entries in found.values()
            for entry in entries
        ]
        click.echo(json.dumps(rows))
        return
    if not found:
        click.echo("no models yet; `nightloom run FLOW` registers one")
    for name, entries in found.items():
        click.echo(name)
        for entry in entries:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.created))
            score = f"{entry.metric[0]} {entry.metric[1]:.4f}" if entry.metric else ""
            aliases = " ".join(f"@{alias}" for alias in entry.aliases)
            click.echo(f"  {entry.version:>4}  {when}  {score:<18} {aliases}".rstrip())
