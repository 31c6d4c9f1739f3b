"""`nightloom trend`: a model over many nights."""

import json

import click

from nightloom.errors import InputError
from nightloom.home import Home


@click.command(epilog="Examples: nightloom trend news; nightloom trend news --nights 90 --json")
@click.argument("model")
@click.option(
    "--nights", default=30, show_default=True, type=click.IntRange(1), help="How many, the last."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON: a list, the oldest night first.")
def trend(model: str, nights: int, as_json: bool) -> None:
    """Show MODEL over its nights: verdict, metric, change, rows, minutes, and them as curves.

    Each night leaves a record of each of its models, which is kept for two years.
    """
    from nightloom.registry.nights.experiment import nights_of
    from nightloom.reporting.trend import trend_json, trend_lines
    from nightloom.settings.spelling import listed, quoted

    uri = Home.current().tracking_uri
    found = nights_of(uri, model)
    if not found:
        known = sorted({one.model for one in nights_of(uri)})
        there = (
            f"there are nights of {listed(known)}"
            if known
            else ("no night was recorded yet; `nightloom run nightly --config nightly.yaml` is one")
        )
        raise InputError(f"expected a model of a night, got {quoted(model)}; {there}")
    if as_json:
        click.echo(json.dumps(trend_json(found[-nights:]), ensure_ascii=False))
        return
    for line in trend_lines(found, most=nights):
        click.echo(line)
