"""`nightloom diff`: two versions of a model, and what tells them apart."""

import json
from typing import Any

import click

from nightloom.cli.settled import settled_home
from nightloom.errors import InputError


@click.command(epilog="Example: nightloom diff news/2 news/5 --rows")
@click.argument("left")
@click.argument("right")
@click.option("--rows", is_flag=True, help="Also the test rows that they answer otherwise.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def diff(left: str, right: str, rows: bool, as_json: bool) -> None:
    """Show what tells two versions of a model apart: LEFT and RIGHT as name/version or name@alias.

    Settings, facts of the data, what each stage was built from (data, code, libraries), and scores.
    """
    from nightloom.registry.difference import difference_of
    from nightloom.registry.names import resolve_model

    home = settled_home()
    one, other = (resolve_model(home.tracking_uri, name).version for name in (left, right))
    if one.name != other.name:
        raise InputError(
            f"expected two versions of one model, got {one.name} and {other.name}; "
            f"`nightloom diff {one.name}/{one.version} {one.name}/N` compares two"
        )
    found = difference_of(home, one, other, rows=rows)
    table = found.rows.to_dict(orient="records") if found.rows is not None else None
    if as_json:
        shown: dict[str, Any] = {
            "left": one.version, "right": other.version, "settings": found.settings,
            "facts": found.facts, "stages": found.stages, "scores": found.scores,
        }  # fmt: skip
        shown |= {"rows": table, "rows_missing": found.rows_missing or None} if rows else {}
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    click.echo(f"{one.name}: version {one.version} → version {other.version}")
    for name, old, new in found.settings:
        click.echo(f"setting  {name}  {_or_none(old)} → {_or_none(new)}")
    for name, old, new in found.facts:
        click.echo(f"data     {name}  {_or_none(old)} → {_or_none(new)}")
    for stage, changes in found.stages.items():
        for change in changes:
            click.echo(f"stage    {stage}  {change}")
    for name, before, after in found.scores:
        apart = "" if before is None or after is None else f" ({_change(after - before)})"
        click.echo(f"score    {name}  {_number(before)} → {_number(after)}{apart}")
    if not (found.settings or found.facts or found.stages or found.scores):
        click.echo("nothing that is known tells them apart")
    if found.rows_missing:
        click.echo(f"rows     {found.rows_missing}")
    for row in table or ():
        place = "  ".join(f"{key} {row[key]}" for key in row if key not in ("left", "right"))
        click.echo(f"row      {place}  {row['left']} → {row['right']}")
    if table is not None and not table:
        click.echo("rows     both give the same answers")


def _or_none(value: object) -> str:
    return "none" if value is None else str(value)


def _number(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:,.0f}" if value > 1 and value.is_integer() else f"{value:.4f}"


def _change(value: float) -> str:
    return f"{value:+,.0f}" if abs(value) >= 1 and value.is_integer() else f"{value:+.4f}"
