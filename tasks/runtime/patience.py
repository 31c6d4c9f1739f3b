"""Waiting for Prefect's server where it is gone for a while: a night's work is worth minutes."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.runtime.observer import Observer

PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 1.0


def wait_for_server(observer: "Observer", *, seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until the server takes connections; whether it does.

    Prefect's client tries again when an answer is late or broken off, not when nobody listens, and
    would end a run as failed for it. An ephemeral server lives in this process: no waiting then.
    """
    import httpx
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    deadline, said = time.monotonic() + seconds, False
    while url:
        try:
            httpx.get(f"{url}/health", timeout=10)
        except httpx.ConnectError:
            if time.monotonic() >= deadline:
                return False
            if not said:
                observer.warn(f"Prefect's server is gone, waiting up to {seconds / 60:.0f} min")
                said = True
            time.sleep(PAUSE_SECONDS)
        except httpx.HTTPError:
            return True  # there, if slow: the client's own retries are for that
        else:
            return True
    return True
