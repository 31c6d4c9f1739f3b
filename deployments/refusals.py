"""What a Prefect server answers that has no meaning of its own here, in one line."""

from typing import TYPE_CHECKING

from nightloom.errors import RunError
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
