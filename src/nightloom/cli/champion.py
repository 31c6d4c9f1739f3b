"""`nightloom history`, `promote`, `approve`, `rollback`, `pin`, `unpin`: people decide too."""

import getpass
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nightloom.cli.settled import settled_home
from nightloom.cli.telling import tell
from nightloom.errors import InputError
from nightloom.registry.versions import AGAINST_TAG, DECISION_TAG, PROVED_TAG, REASON_TAG, WAITS

if TYPE_CHECKING:
    from nightloom.registry.champion.moves import Pin
    from nightloom.registry.mlflow_registry import Registry
    from nightloom.registry.versions import Version


def words(most: int) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """For an option: a person's words on one line, not none and not more than `most` characters."""

    def read(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
        del context
        if value is None:
            return None
        found, name = " ".join(value.split()), option.opts[0]
        if not found:
            raise InputError(f"{name}: expected words for the history, got none")
        if len(found) > most:
            raise InputError(
                f"{name}: expected at most {most:,} characters, got {len(found):,}; shorten it"
            )
        return found

    return read


WHY = click.option(
    "--why", callback=words(1000), required=True, help="The reason, for the history."
)
BY = click.option(
    "--by", callback=words(100), help="Who decides; the user of this machine where it is left out."
)


@click.command(epilog="Example: nightloom history news")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def history(model: str, as_json: bool) -> None:
    """Show every move of MODEL's champion: when, from and to, by whom and why."""
    registry, version = _named(model)
    title = registry.title(version.name)
    found, pin = title.history(), title.pin
    if as_json:
        shown = {"moves": [asdict(one) for one in found], "pin": asdict(pin) if pin else None}
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    if not found:
        click.echo(f"{version.name} never had a champion")
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.when))
        click.echo(f"{when}  {_or_none(one.old)} → {_or_none(one.new)}  by {one.by}: {one.why}")
    if pin:
        now = found[-1].new if found else None
        click.echo(f"{pin.told(now)}; `nightloom unpin {version.name}` lets others pass")


@click.command(epilog='Example: nightloom promote news/3 --why "agreed with the desk"')
@click.argument("model")
@WHY
@BY
def promote(model: str, why: str, by: str | None) -> None:
    """Make a version champion, MODEL as name/version or name@alias, whatever the gate said.

    The gate goes on deciding about later ones; `nightloom pin` holds this one.
    """
    registry, version = _named(model, exact=True)
    with _alone(registry, version.name):
        pin = registry.title(version.name).pin
        if pin and pin.version != version.version:
            raise InputError(f"{pin.told()}; first run `nightloom unpin {version.name}`")
        _moved(registry, version.name, version.version, by=by, why=why)


@click.command(epilog='Example: nightloom approve news/4 --why "read the mistakes"')
@click.argument("model")
@WHY
@BY
def approve(model: str, why: str, by: str | None) -> None:
    """Make a version champion that passed the gate and waits for a person (register.approve)."""
    registry, version = _named(model, exact=True)
    with _alone(registry, version.name):
        _approve(registry, registry.version(version.name, version.version), by=by, why=why)


@click.command(epilog='Example: nightloom rollback news --why "calls prices sports"')
@click.argument("model")
@click.option("--to", type=int, help="The version; the champion before this one where left out.")
@WHY
@BY
def rollback(model: str, to: int | None, why: str, by: str | None) -> None:
    """Put an earlier champion of MODEL back, and hold it until `nightloom unpin MODEL`.

    The version that is withdrawn is no measure for later ones any more. Without --to, a second
    rollback goes back further, never to a version that was withdrawn.
    """
    registry, version = _model(model)
    with _alone(registry, version.name):
        _roll_back(registry, version.name, to, why=why, by=by)


@click.command(epilog='Example: nightloom pin news --why "audit until Friday"')
@click.argument("model")
@WHY
@BY
def pin(model: str, why: str, by: str | None) -> None:
    """Hold MODEL's champion: the gate promotes no other until `nightloom unpin MODEL`."""
    from nightloom.registry.champion.moves import Pin

    registry, version = _model(model)
    with _alone(registry, version.name):
        champion = registry.champion(version.name)
        if champion is None:
            raise InputError(_no_champion(version.name))
        made = Pin.now(champion.version, by=by or user(), why=why)
        registry.title(version.name).hold(made)
    tell("CHAMPION_HELD", made.version, version.name, made.version, reason=made.told())
    click.echo(made.told())


@click.command(epilog="Example: nightloom unpin news")
@click.argument("model")
def unpin(model: str) -> None:
    """Let the gate decide about MODEL's champion again."""
    registry, version = _named(model)
    title = registry.title(version.name)
    if title.pin is None:
        click.echo(f"the champion of {version.name} was not held")
        return
    title.let_go()
    now = title.holder
    tell("CHAMPION_RELEASED", now, version.name, now, reason="the gate decides again")
    click.echo(f"the gate decides about the champion of {version.name} again")


def _roll_back(
    registry: "Registry", name: str, to: int | None, *, why: str, by: str | None
) -> None:
    from nightloom.registry.champion.moves import ROLLBACK, Pin

    title = registry.title(name)
    moves, previous = title.history(), title.previous
    now = moves[-1].new if moves else None
    if now is None:
        raise InputError(_no_champion(name))
    number = previous if to is None else to
    if number is None:
        but = " that was not withdrawn" if any(one.new == now and one.old for one in moves) else ""
        raise InputError(f"{name} had no champion before version {now}{but}; name one with --to N")
    if to is None and registry.find(name, number) is None:
        raise InputError(
            f"{name}/{number}, the champion before version {now}, is not registered any more; "
            "name another with --to N, `nightloom models` lists them"
        )
    target = _named(f"{name}/{number}", exact=True)[1]
    if target.version == now:
        raise InputError(f"{name}/{now} is the champion already; `nightloom pin {name}` holds it")
    anchor = target.version if registry.anchor(target).version == now else None
    pin = Pin.now(target.version, by=by or user(), why=why, rollback=True)
    _moved(
        registry,
        name,
        target.version,
        by=by,
        why=f"{ROLLBACK}{why}",
        anchor=anchor,
        pin=pin,
        withdraws=True,
    )
    tell("CHAMPION_HELD", pin.version, name, pin.version, reason=pin.told())
    click.echo(
        f"it is held: `nightloom unpin {name}` lets the gate promote others again; with "
        "register.rollback_until=proved also one that is proved better on newer rows"
    )


def _approve(registry: "Registry", version: "Version", *, by: str | None, why: str) -> None:
    name, number, tags = version.name, version.version, version.tags
    reason, champion = tags.get(REASON_TAG, ""), registry.champion(name)
    if not reason.startswith(WAITS):
        why_so = reason.removeprefix(f"{version.decision}: ")
        decided = f"; it is {version.decision}: {why_so}" if version.decision else ""
        raise InputError(
            f"{name}/{number} does not wait for approval{decided}; `nightloom promote "
            f'{name}/{number} --why "…"` makes it champion all the same'
        )
    now = str(champion.version) if champion else "none"
    if tags.get(AGAINST_TAG) != now:
        raise InputError(
            f"{name}/{number} was judged against version {tags.get(AGAINST_TAG)}, the champion is "
            f"{now} now; run its flow with --refresh register to judge it again"
        )
    if pin := registry.title(name).pin:
        raise InputError(f"{pin.told()}; first run `nightloom unpin {name}`")
    passed = reason.partition("`: ")[2]
    is_anchor = champion is None or tags.get(PROVED_TAG) == "true"
    _moved(
        registry,
        name,
        number,
        by=by,
        why=f"approved: {why}",
        anchor=number if is_anchor else None,
        tags={
            DECISION_TAG: "promoted",
            REASON_TAG: f"approved by {by or user()} ({why}): {passed}",
        },
    )


@contextmanager
def _alone(registry: "Registry", name: str) -> Iterator[None]:
    """While no run judges a candidate of this model, nor another person moves its champion."""
    from nightloom.registry import promotion
    from nightloom.tasks.runtime.observer import observers
    from nightloom.tasks.runtime.slots import alone, title

    def say(message: str) -> None:
        click.echo(message, err=True)

    with alone(title(name), observers()), promotion.alone(registry, name, say=say):
        registry.title(name).settle()
        yield


def _named(model: str, *, exact: bool = False) -> "tuple[Registry, Version]":
    """The registry, and the version that is named; exact: not by the name of the model alone."""
    from nightloom.registry.names import parse_model, resolve_model

    home = settled_home()
    wanted = parse_model(model)
    version = resolve_model(home.tracking_uri, model).version
    if exact and wanted.version is None and wanted.alias is None:
        raise InputError(
            f"expected a version, such as {version.name}/{version.version}, got {model}; "
            "`nightloom models` lists them"
        )
    from nightloom.registry.mlflow_registry import Registry

    return Registry(home.tracking_uri, home.model_files), version


def _model(model: str) -> "tuple[Registry, Version]":
    """The registry, and the champion of the model that is named; not another of its versions."""
    registry, version = _named(model)
    champion = registry.champion(version.name)
    if model != version.name and (champion is None or champion.version != version.version):
        name, number = version.name, version.version
        raise InputError(
            f"expected a model without a version, {name}, got {model}, which is not its champion; "
            f"`nightloom promote {name}/{number}` or `nightloom rollback {name} --to {number}` "
            "makes it that"
        )
    return registry, version


def _moved(
    registry: "Registry",
    name: str,
    version: int,
    *,
    by: str | None,
    why: str,
    anchor: int | None = None,
    pin: "Pin | None" = None,
    tags: "Mapping[str, str] | None" = None,
    withdraws: bool = False,
) -> None:
    from nightloom.registry.aliases import model_url
    from nightloom.registry.files.whole import told

    before = registry.champion(name)
    wanted = _named(f"{name}/{version}")[1]
    if damaged := registry.damage(wanted):
        raise InputError(
            f"the files of {name}/{version} are not whole ({told(damaged)}): it cannot answer; "
            "run its flow again with its settings to have them back"
        )
    title = registry.title(name)
    title.move(
        version, by=by or user(), why=why, anchor=anchor, pin=pin, tags=tags, withdraws=withdraws
    )
    if before is not None and before.version == version:
        click.echo(f"{name}/{version} is the champion already")
    else:
        old = f", before it version {before.version}" if before else ""
        metric, value = wanted.metric or (None, None)
        tell(
            "CHAMPION_CHANGED",
            version,
            name,
            before.version if before else None,
            reason=f"{by or user()}: {why}",
            metric=metric,
            value=value,
            model_url=model_url(registry.tracking_uri, name, version),
        )
        click.echo(f"{name}/{version} is the champion{old}")


def _no_champion(name: str) -> str:
    return f"{name} has no champion; `nightloom promote {name}/N` makes version N one"


def user() -> str:
    """The user of this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "somebody"


def _or_none(version: int | None) -> str:
    return "none" if version is None else str(version)
