"""The errors that nightloom raises on purpose, with their exit status."""

from collections.abc import Mapping
from typing import Any

from nightloom.masking import masked


class NightloomError(Exception):
    """Base of every error raised on purpose; its message is one line for the user.

    Passwords and tokens in it are masked, whatever URL or library message it quotes.
    """

    exit_code = 1
    report: Mapping[str, Any] | None = None
    """The report of the run, night or backfill that failed with it, as `--json` has it; None if
    none had begun."""
    usage: Mapping[str, Mapping[str, float]] | None = None
    """What the stage that failed with it used, mean and peak by name; None if that is not known."""

    def __init__(self, message: str = "") -> None:
        super().__init__(masked(message))


class InputError(NightloomError):
    """Wrong input or usage: the message says what was expected, what came, what to do next."""

    exit_code = 2


class RunError(NightloomError):
    """A run that started and then failed: the message says why and how to continue."""


class LoginError(InputError, RunError):
    """A server asks for a login and got none, or another: the message says where to put it.

    A run ends with it before anything is trained, since its model could not be registered.
    """


class DataRefused(RunError):
    """The rows are too odd to be trained on: the message says what is odd and what lets them in."""


def said(error: BaseException) -> str:
    """An error's message in one line; its type's name if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def named(error: BaseException) -> str:
    """An error's type and message in one line; its type alone if it has no message."""
    name = type(error).__name__
    return f"{name}: {said(error)}" if str(error).strip() else name
