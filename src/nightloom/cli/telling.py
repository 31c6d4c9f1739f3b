"""Events of commands, where a Prefect server is there to hear them."""

import click


def tell(event: str, version: int | None, name: str, before: int | None, **facts: object) -> None:
    """Emit an event, by its name in `announcing`; it never fails a command."""
    from nightloom.tasks.runtime import announcing
    from nightloom.tasks.runtime.slots import is_shared

    if not is_shared():
        return
    try:
        announcing.announce(getattr(announcing, event), name, version, before, facts)
    except Exception as error:
        click.echo(f"the event could not be sent: {error}", err=True)
