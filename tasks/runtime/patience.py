"""Waiting for Prefect's server where it is gone for a while: a night's work is worth minutes."""

import os
import socket
import time
from urllib.parse import urlsplit

from nightloom.tasks.runtime.observer import Observer

PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 1.0


def wait_for_server(observer: Observer, *, seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until the server takes connections; whether it does.

    Prefect's client tries again when an answer is late or broken off, not when nobody listens, and
    would end a run as failed for it. An ephemeral server ends with this process, and one behind a
    proxy cannot be looked for: no waiting then.
    """
    from prefect.settings import PREFECT_API_URL

    url = urlsplit(PREFECT_API_URL.value() or "")
    if not url.hostname or os.environ.get("HTTPS_PROXY") or os.environ.get("HTTP_PROXY"):
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
                observer.warn(f"Prefect's server is gone, waiting up to {seconds / 60:.0f} min")
                said = True
            time.sleep(PAUSE_SECONDS)
        else:
            return True
