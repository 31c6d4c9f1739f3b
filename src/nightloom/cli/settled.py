"""The home of a command that looks at the files of versions."""

from nightloom.cli.main import say
from nightloom.home import Home


def settled_home() -> Home:
    """The home; if it was moved or copied, the store first says where its files are now.

    Versions read before that would name files of the other home.
    """
    from nightloom.registry.files.moving import settle

    home = Home.current()
    if moved := settle(home):
        say(f"note: {moved}")
    return home
