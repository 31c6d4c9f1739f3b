"""`nightloom prove`: builds a version again and compares it byte by byte."""

import json
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nightloom.cli import stopping
from nightloom.cli.main import say
from nightloom.cli.settled import settled_home
from nightloom.cli.telling import tell
from nightloom.home import Home

if TYPE_CHECKING:
    from nightloom.front.proof import Proof
    from nightloom.registry.versions import Version

DIGITS = 12
"""Of a digest, that are shown."""


@click.command(epilog="Examples: nightloom prove news/3; nightloom prove news@champion --json")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def prove(model: str, as_json: bool) -> int:
    """Build a version of MODEL again, in an empty home, and compare weights and predictions.

    MODEL as name, name@alias or name/version. Data and checkpoints come from their sources. Nothing
    in the home or in the registry changes. Exit status 0: proved; 1: it differs, or cannot be
    proved; the report says why.
    """
    from nightloom.registry.names import resolve_model

    home = settled_home()
    resolved = resolve_model(home.tracking_uri, model)
    if resolved.note:
        say(f"note: {resolved.note}")
    began = time.monotonic()
    folder = Path(tempfile.gettempdir()) / f"nightloom-prove-{uuid.uuid4().hex[:12]}"
    with stopping.removing(folder):
        try:
            folder.mkdir(mode=0o700)
            proof = _proof(home, resolved.version, folder)
        finally:
            _remove(folder)
    seconds = round(time.monotonic() - began, 1)
    champion = _champion(home, resolved.version)
    event = "VERSION_PROVED" if proof.proved else "VERSION_UNPROVED"
    version, verdict = proof.version, proof.verdict
    tell(event, version, proof.name, champion, verdict=verdict, reason="; ".join(proof.reasons))
    if as_json:
        click.echo(json.dumps({**proof.to_json(), "seconds": seconds}, ensure_ascii=False))
    else:
        _show(proof, seconds)
    return 0 if proof.proved else 1


def _proof(home: Home, version: "Version", folder: Path) -> "Proof":
    from nightloom.cli.console import Console
    from nightloom.front.proof import Proof, check_room, opened
    from nightloom.front.rebuilding import home_below
    from nightloom.tasks.runtime.observer import watched_by

    called = f"{version.name}/{version.version}"
    with Console() as console, watched_by(console):
        case = opened(home, version, empty=home_below(folder))
        if isinstance(case, Proof):
            return case
        console.say(f"proving {called}: {case.work.told()}, in {folder}")
        for one in case.changed.told():
            console.say(f"note: since then {one}")
        check_room(case.work, folder)
        return case.tried(folder, console)


def _show(proof: "Proof", seconds: float) -> None:
    from nightloom.cache.lookup import span

    click.echo(f"{proof.name}/{proof.version}: {proof.verdict}")
    for one in proof.compared:
        now = "missing" if one.now is None else one.now[:DIGITS]
        told = f"equal, {one.then[:DIGITS]}" if one.equal else f"{one.then[:DIGITS]} → {now}"
        click.echo(f"{one.what:<12} {one.file}  {told}")
    for reason in proof.reasons:
        click.echo(f"why          {reason}")
    if proof.proved:
        for changed in proof.changed.told():
            click.echo(f"although     {changed}")
    if proof.compared:
        click.echo(f"took         {span(seconds)}")


def _champion(home: Home, version: "Version") -> int | None:
    from nightloom.registry.aliases import champion_of

    champion = champion_of(home.tracking_uri, version.name)
    return champion.version if champion else None


def _remove(folder: Path) -> None:
    import shutil

    for _ in range(20):  # who was killed there may still be about to die
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
