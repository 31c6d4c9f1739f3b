"""`nightloom cache`: ls, verify, gc."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from nightloom.cli.main import say
from nightloom.counted import counted
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.reporting.tidy_report import readable

if TYPE_CHECKING:
    from nightloom.cache.housekeeping import Swept

UNITS = {"": 1, "s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
MOST_NAMED = 4
"""Versions that a note names."""
SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@click.group(
    epilog="Examples: nightloom cache ls; nightloom cache verify; "
    "nightloom cache gc --older-than 30d --max-size 20GB --dry-run"
)
def cache() -> None:
    """List, verify and clean up the stage cache."""


@cache.command("ls", epilog="Examples: nightloom cache ls; nightloom cache ls train --json")
@click.argument("stage", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_artifacts(stage: str | None, as_json: bool) -> None:
    """List the artifacts, most recently used first."""
    from nightloom.cache.housekeeping import listing
    from nightloom.cache.lookup import age, span

    found = [one for one in listing(_store()) if stage in (None, one.stage)]
    if stage is not None and not found:
        _check_stage(stage)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        if not one.digest:
            click.echo(f"{one.stage:<18} {one.key[:8]}  damaged; `nightloom cache verify`")
            continue
        click.echo(
            f"{one.stage:<18} {one.key[:8]} {one.digest[:8]} {readable(one.size):>9}  "
            f"took {span(one.seconds)}, used {age(one.used_at)} ago"
        )
    total = readable(sum(one.size for one in found))
    click.echo(f"{counted(len(found), 'artifacts')}, {total} in {Home.current().artifacts}")


@cache.command("verify", epilog="Examples: nightloom cache verify; nightloom cache verify --json")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def verify(as_json: bool) -> None:
    """Hash every file of every artifact; broken ones go to quarantine and are rebuilt when needed.

    Exit status 1 if any was broken.
    """
    from nightloom.cache.housekeeping import Broken, verify_all

    whole, broken = 0, []
    for one in verify_all(_store()):
        if isinstance(one, Broken):
            broken.append(one)
            if not as_json:
                click.echo(f"BROKEN  {one.stage} {one.key[:8]}: {one.damage}; now {one.moved_to}")
        else:
            whole += 1
    if as_json:
        rows = [{**asdict(one), "moved_to": str(one.moved_to)} for one in broken]
        click.echo(json.dumps({"whole": whole, "broken": rows}))
    else:
        click.echo(f"{whole} whole, {len(broken)} broken")
    if broken:
        raise click.exceptions.Exit(1)


@cache.command(
    "gc", epilog="Examples: nightloom cache gc --older-than 30d; nightloom cache gc --max-size 5GB"
)
@click.option(
    "--older-than", metavar="AGE", help="Remove what has not been used for: 90min, 12h, 30d, 4w."
)
@click.option(
    "--max-size", metavar="SIZE", help="Remove the longest unused until the rest fits: 5GB."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def collect(older_than: str | None, max_size: str | None, dry_run: bool, as_json: bool) -> None:
    """Remove artifacts that no registered model or running flow needs.

    Always removes what is an hour old of killed runs' leftovers, logs of failed workers and
    quarantined artifacts.
    """
    from nightloom.cache.housekeeping import needed_by_models, sweep
    from nightloom.registry.aliases import read_version
    from nightloom.registry.references import needed_by_checks

    home, store = Home.current(), _store()

    def registered(name: str, version: int) -> Any:
        return read_version(home.tracking_uri, name, version)

    most = _bytes(max_size)
    by_models = needed_by_models(store, registered)
    swept = sweep(
        store,
        older_than=_seconds(older_than),
        max_size=most,
        needed={**dict(needed_by_checks(home)), **by_models},
        dry_run=dry_run,
    )
    notes = list(_held_notes(swept, set(by_models.values()), most))
    if as_json:
        click.echo(json.dumps({**asdict(swept), "dry_run": dry_run, "notes": notes}))
        return
    would = "would remove" if dry_run else "removed"
    for one in swept.artifacts:
        click.echo(f"{would} {one.stage} {one.key[:8]} {readable(one.size)}")
    for one in swept.kept:
        click.echo(f"kept {one.stage} {one.key[:8]}: {one.why_kept} needs it")
    click.echo(
        f"{would} {counted(len(swept.artifacts), 'artifacts')} and "
        f"{counted(swept.leftovers, 'leftovers')}, "
        f"{readable(swept.size)}"
    )
    for note in notes:
        click.echo(note)


def _held_notes(swept: "Swept", versions: set[str], most: int | None) -> Iterator[str]:
    """Why less was removed than was asked for, and what removes more."""
    held = {why: size for why, size in swept.held.items() if why in versions}
    if most is not None and swept.left > most:
        least = readable(swept.left)
        of = {why: size for why, size in swept.held.items() if why not in versions}
        parts = [f"versions {_some(held)} hold {readable(sum(held.values()))}"] if held else []
        parts += [f"{why} holds {readable(size)}" for why, size in of.items()]
        way = "; `nightloom tidy` removes versions" if held else ""
        yield (
            f"the cache needs at least {least}, more than --max-size {readable(most)}, because "
            f"{' and '.join(parts)}{way}"
        )
    elif kept := [one for one in swept.kept if one.why_kept in versions]:
        size = readable(sum(one.size for one in kept))
        which = _some({one.why_kept: 0 for one in kept})
        yield (
            f"{counted(len(kept), f'artifacts ({size}) stay')}, because versions {which} hold "
            "them; `nightloom tidy` removes versions"
        )


def _some(versions: Iterable[str]) -> str:
    names = list(versions)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _store() -> Any:
    from nightloom.cache.store import ArtifactStore

    return ArtifactStore(Home.current())


def _check_stage(stage: str) -> None:
    """Raise InputError if no flow has the stage, of which no artifact is there."""
    from nightloom.records.known import flows
    from nightloom.settings.spelling import meant, shown
    from nightloom.tasks.runtime.stage import STAGES

    for flow in flows().values():
        flow.load()
    if stage not in STAGES:
        known = ", ".join(sorted(STAGES))
        raise InputError(
            f"no flow has a stage {shown(stage)}{meant(stage, STAGES)}; there are {known}"
        )


def _seconds(text: str | None) -> float | None:
    if text is not None and text.strip().isdigit() and int(text) > 0:
        say(f"note: --older-than {text.strip()} is in seconds; {text.strip()}d would be days")
    return None if text is None else _amount(text, UNITS, "--older-than", "30d")


def _bytes(text: str | None) -> int | None:
    return None if text is None else int(_amount(text, SIZES, "--max-size", "5GB"))


def _amount(text: str, units: dict[str, int], option: str, example: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2] not in units:
        known = ", ".join(unit for unit in units if unit)
        raise InputError(f"expected {option} as {example} (units {known}), got {text!r}")
    return float(match[1]) * units[match[2]]
