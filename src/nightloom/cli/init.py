"""`nightloom init`: from a file to a folder with everything for its nights."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nightloom.cli.main import say
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, shown

if TYPE_CHECKING:
    from nightloom.project.readme import Place


@click.command(
    epilog="Examples: nightloom init my-nights --data tickets.csv; "
    "nightloom init my-nights --data news/ --data people.conll; "
    "nightloom init my-nights --data 'days/2026-*/*.jsonl'"
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    metavar="PATH",
    help="A file, folder or pattern of texts with labels, or of sentences with tags; repeat it for "
    "several models.",
)
def init(folder: Path, more: tuple[str, ...], sources: tuple[str, ...]) -> None:
    """Look at your data and write FOLDER: settings, README, services; then show the plan.

    Says what it takes for what, and why. Nothing is trained, nothing is fetched. FOLDER must be
    empty or not there; it is written whole or not at all.
    """
    if more:
        raise InputError(
            f"expected one folder, got {listed([str(folder), *more], 4)}; name each source after "
            "its own --data, and quote a pattern: --data 'news/*.csv'"
        )
    twice = sorted({one for one in sources if sources.count(one) > 1})
    if twice:
        raise InputError(f"--data {shown(twice[0], 200)} is given twice; leave one out")
    from nightloom.project.files import check_texts, models_of, place_of, texts_of
    from nightloom.project.folder import check_free, write_folder
    from nightloom.project.look import look_at

    place = place_of(folder)
    check_free(place.folder)
    seen = [look_at(source) for source in sources]
    for one in seen:
        if place.folder.is_relative_to(one.source):
            raise InputError(
                f"{shown(str(place.folder), 200)} would be inside the data ({one.source}); name a "
                "folder elsewhere"
            )
    models = models_of(seen)
    for one, model in zip(seen, models, strict=True):
        click.echo(f"{model.name}: {one.source}")
        for said in one.said:
            example = f"; such as: {said.example}" if said.example else ""
            click.echo(f"  {said.subject:<10} {said.what}{example}")
        for other in one.others:
            click.echo(f"  {'or':<10} data.{other.setting}={_value(other.value)}: {other.why}")
        click.echo(f"  {'model':<10} {model.flow}: {model.why}")
    texts = texts_of(place, seen, models)
    write_folder(place.folder, texts, check_texts)
    click.echo(f"wrote {place.folder}: {', '.join(texts)}")
    _plan(place.folder, place.home)
    _then(place)


def _value(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _plan(folder: Path, home: Path) -> None:
    """Show what the night would do."""
    from nightloom.cli.run import run
    from nightloom.home import at_home
    from nightloom.project.files import NIGHT

    say("the plan:")
    assert run.callback is not None
    with at_home(home):
        run.callback("nightly", (), folder / NIGHT, plan=True, refresh=(), as_json=False)


def _then(place: "Place") -> None:
    from nightloom.project.readme import commands

    click.echo("then:")
    for line in commands(place):
        click.echo(f"  {line}")
