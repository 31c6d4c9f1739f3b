"""Waiting for Prefect's server while it is down: a night's work is worth minutes."""

import socket
import time
from urllib.parse import urlsplit

from nightloom.proxies import is_behind_proxy
from nightloom.tasks.runtime.observer import Observer

PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 1.0


def wait_for_server(observer: Observer, *, seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until the server accepts connections; returns whether it does.

    Prefect's client retries if an answer is late or cut off, but not if nothing listens, and would
    then fail the run. There is no waiting for an ephemeral server, which ends with this process,
    or one behind a proxy, which cannot be probed.
    """
    from prefect.settings import PREFECT_API_URL

    url = urlsplit(PREFECT_API_URL.value() or "")
    if not url.hostname or is_behind_proxy(url.scheme, url.hostname):
        return True
    port = url.port or (443 if url.scheme == "https" else 80)
    deadline, said = time.monotonic() + seconds, False
    while True:
        try:
            socket.create_connection((url.hostname, port), timeout=10).close()
        except OSError:
            if time.monotonic() >= deadline:
                return False
            if not said:
                observer.warn(f"Prefect's server is down, waiting up to {seconds / 60:.0f} min")
                said = True
            time.sleep(PAUSE_SECONDS)
        else:
            return True
