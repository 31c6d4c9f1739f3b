"""The entry point of `nightloom`: installs signal handlers before importing anything else."""

import os
import signal


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)  # for the milliseconds until `install`
    from nightloom.cli.streams import escape_unknown_letters, open_missing

    open_missing()
    escape_unknown_letters()
    from nightloom.cli import stopping

    stopping.install()
    try:
        from nightloom.cli.main import main as run

        run()
    except SystemExit as end:
        stopping.exit_with(end.code)
        raise


def _leave(number: int, frame: object) -> None:
    os.write(2, b"stopped by Ctrl-C before anything began\n")
    os._exit(128 + number)
