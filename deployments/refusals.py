"""A Prefect server that does not answer, or with what has no meaning of its own here: one line."""

import os
from typing import TYPE_CHECKING

from nightloom.errors import InputError, RunError
from nightloom.exhaustion import full_disk
from nightloom.home import Home

if TYPE_CHECKING:
    import httpx

FAULT = 500
"""From this status on the fault is the server's."""


def unexpected(url: str, answer: "httpx.Response") -> RunError:
    """The error for such an answer; a server of the home cannot say that its disk is full."""
    said = f"{url} answered {answer.status_code}: {' '.join(answer.text.split())[:300]}"
    if answer.status_code < FAULT:
        return RunError(said)
    root = Home.current().root
    log = root / "logs" / "stack" / "prefect.log"
    why = full_disk(root) or f"its log says why ({log}, if it is that of `nightloom up`)"
    return RunError(f"{said}; {why}")


def silent(url: str) -> InputError:
    """The error for a server that does not answer: who named it, the environment or a file."""
    named = "PREFECT_API_URL"
    way = f"unset {named}"
    if named not in os.environ:
        way = f"take {named} out of Prefect's profile or the prefect.toml that names it"
    return InputError(
        f"expected a Prefect server at {url}, which does not answer; start it, or {way} to run "
        "without one"
    )


def is_silence(error: Exception, url: str) -> bool:
    """Whether a client's error says that this server does not answer."""
    import httpx

    if not isinstance(error, httpx.TransportError):
        return False
    try:
        return str(error.request.url).startswith(url.rstrip("/"))
    except RuntimeError:  # it does not say what was asked
        return False


def none_allowed() -> InputError:
    """The error for a run without a server, where it may not start its own."""
    return InputError(
        "expected a Prefect server: PREFECT_SERVER_EPHEMERAL_ENABLED=false forbids a run to start "
        "its own; unset that, or start one with `nightloom up -d`, or set PREFECT_API_URL"
    )
