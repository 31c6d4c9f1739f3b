"""`nightloom`: the commands, each in its own module, loaded on use."""

import errno
import os
import sys
from pathlib import Path

import click

from nightloom import __version__
from nightloom.cli import stopping
from nightloom.cli.streams import unwritten
from nightloom.errors import InputError, NightloomError, RunError
from nightloom.masking import masked
from nightloom.proxies import spare_this_machine
from nightloom.settings.spelling import on_one_line, visible
from nightloom.user_folder import replace_where_missing
from nightloom.worker.environment import with_warnings_shown

COMMANDS = {
    "flows": "nightloom.cli.flows:flows",
    "run": "nightloom.cli.run:run",
    "backfill": "nightloom.cli.backfill:backfill",
    "predict": "nightloom.cli.predict:predict",
    "models": "nightloom.cli.models:models",
    "history": "nightloom.cli.champion:history",
    "trend": "nightloom.cli.trend:trend",
    "diff": "nightloom.cli.diff:diff",
    "prove": "nightloom.cli.prove:prove",
    "promote": "nightloom.cli.champion:promote",
    "approve": "nightloom.cli.champion:approve",
    "rollback": "nightloom.cli.champion:rollback",
    "pin": "nightloom.cli.champion:pin",
    "unpin": "nightloom.cli.champion:unpin",
    "accept-data": "nightloom.cli.accept_data:accept_data",
    "cache": "nightloom.cli.cache:cache",
    "tidy": "nightloom.cli.tidy:tidy",
    "init": "nightloom.cli.init:init",
    "up": "nightloom.cli.up:up",
    "deploy": "nightloom.cli.deploy:deploy",
    "export-hub": "nightloom.cli.export_hub:export_hub",
}
"""Loaded on use, so `--help` is quick."""
OUT_OF_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE)
LONGEST = 8000
"""Maximum length of a message, in characters."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        import importlib

        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"no command {args[0]}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Examples: nightloom run classify-transformer data.source=sample; "
    'nightloom predict classify-transformer "Stocks rally"; nightloom cache ls',
)
@click.version_option(__version__, prog_name="nightloom")
def command() -> None:
    """Nightly retraining of transformer text models, as Prefect flows that can be trusted.

    Exit status: 0 done, 1 a run failed or `prove` did not prove, 2 wrong input or usage, 3 `deploy
    --dry-run` would change something; stopped by Ctrl-C 130, by SIGTERM 143, by SIGHUP 129.
    """


def main() -> None:
    """Run the command line; an expected error is one line on standard error."""
    stopping.install()
    _restart_where_python_is_set_otherwise()
    spare_this_machine()
    try:
        with stopping.unwinding():
            _check_folder()
            replace_where_missing()
            code = command(standalone_mode=False)
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except stopping.Stopped as signal:
        stopping.leave(signal.number, said=signal.said)
    except click.Abort:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.NoSuchOption as error:
        say(on_one_line(f"error: {error.format_message()}{_as_setting(error)}", LONGEST))
        sys.exit(2)
    except click.ClickException as error:
        say(on_one_line(f"error: {error.format_message()}", LONGEST))
        sys.exit(2)
    except NightloomError as error:
        say(on_one_line(f"error: {error}", LONGEST))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if os.environ.get("NIGHTLOOM_DEBUG"):
            raise
        if known := _known(error):
            say(on_one_line(f"error: {known}", LONGEST))
            sys.exit(known.exit_code)
        what = on_one_line(f"{type(error).__name__}: {masked(str(error))}", LONGEST)
        say(f"error: {what}; NIGHTLOOM_DEBUG=1 shows where")
        sys.exit(1)


def _known(error: Exception) -> NightloomError | None:
    """What is said of an error that comes of the machine or of a server; None of any other."""
    if wrong := _wrong_for_prefect(error):  # nothing of Prefect can be imported
        return wrong
    for one in (unwritten, _out_of_room, _closed_home, _broken_store, _silent_server):
        if known := one(error):
            return known
    return None


def _out_of_room(error: Exception) -> NightloomError | None:
    """What is said where a disk is full, or handles are used up."""
    from nightloom.exhaustion import exhausted

    number = getattr(error, "errno", None)
    return RunError(exhausted(error)) if number in OUT_OF_ROOM else None


def _closed_home(error: Exception) -> NightloomError | None:
    """What is said of a home that cannot be written to, where an error says so."""
    from nightloom.home import Home

    home = Home.current()
    return home.refused(error) if isinstance(error, OSError) and home.is_closed(error) else None


def _broken_store(error: Exception) -> NightloomError | None:
    """What is said of a registry that cannot be read or written, where an error comes of that."""
    from nightloom.home import Home
    from nightloom.registry.faults import fault

    return fault(Home.current().tracking_uri, error)


def _wrong_for_prefect(error: Exception) -> NightloomError | None:
    """What is said of a value that Prefect's settings do not take."""
    title = getattr(error, "title", "")
    if not type(error).__module__.startswith("pydantic") or not title.endswith("Settings"):
        return None
    wrong = error.errors()[0]  # type: ignore[attr-defined]
    name = ".".join([title.removesuffix("Settings").lower(), *map(str, wrong["loc"])])
    return InputError(
        f"expected settings that Prefect takes, got {wrong['input']!r:.80} as {name} "
        f"({wrong['msg']}); mend it in the environment, in Prefect's profile, or in the "
        "prefect.toml that has it"
    )


def _silent_server(error: Exception) -> NightloomError | None:
    """What is said of a Prefect server that does not answer, where an error comes of that."""
    if "prefect" not in sys.modules:
        return None
    from prefect.settings import PREFECT_API_URL

    from nightloom.deployments.refusals import is_silence, silent

    url = PREFECT_API_URL.value()
    return silent(url) if url and is_silence(error, url) else None


def _as_setting(error: click.NoSuchOption) -> str:
    """Advice for a setting written as an option."""
    name = error.option_name.lstrip("-")
    command = error.ctx.info_name if error.ctx else ""
    if command not in ("run", "backfill", "deploy", "tidy") or error.possibilities or not name[1:]:
        return ""
    return f" Settings are written without dashes: {name if '.' in name else 'GROUP.' + name}=VALUE"


def _restart_where_python_is_set_otherwise() -> None:
    """Restart in Python's UTF-8 mode if the locale is not UTF-8, and with warnings that are none
    of them errors.

    Paths and texts go through JSON to servers and workers, which read UTF-8; a plain C locale would
    turn their bytes into lone surrogates.
    """
    wanted = with_warnings_shown(os.environ)
    if sys.getfilesystemencoding().lower() != "utf-8" and not sys.flags.utf8_mode:
        wanted["PYTHONUTF8"] = "1"
    if wanted:
        command = [sys.executable, "-P", "-m", "nightloom", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **wanted})


def _check_folder() -> None:
    """Refuse to run in a folder that was removed: no path can be told from there.

    Raises:
        InputError: It was.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise InputError(
            f"the current folder cannot be used: {error.strerror}; go to another one (`cd`)"
        ) from error


def say(message: str) -> None:
    """Print a line on standard error, escaping characters it cannot show.

    Where it cannot be written, as on a full disk, the work goes on without.
    """
    message = "".join(letter if letter in "\n\t" else visible(letter) for letter in message)
    encoding = sys.stderr.encoding or "ascii"
    try:
        print(message.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError:
        return
