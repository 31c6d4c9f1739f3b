"""`nightloom accept-data`: a person lets in data that were refused."""

import click

from nightloom.cli.champion import BY, WHY, user
from nightloom.home import Home


@click.command(epilog='Example: nightloom accept-data news --why "sports moved to another desk"')
@click.argument("model")
@WHY
@BY
def accept_data(model: str, why: str, by: str | None) -> None:
    """Let in the data that were last checked for MODEL, and measure later ones by them.

    The next run goes on with them; a champion that is made later is the measure again.
    """
    from nightloom.registry.references import accept

    last = accept(Home.current(), model, by=by or user(), why=why)
    told = f": {last['told']}" if last.get("told") else ""
    click.echo(f"{model}: the data that were last checked are let in ({last['verdict']}{told})")
    click.echo("later data are compared with them, until another champion is made")
