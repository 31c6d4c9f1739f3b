"""Requests to a Prefect server as an operator's tools send them."""

import time
from typing import Any

import httpx

BUSY = 503
"""Prefect's answer while SQLite is locked; its own client asks again, as this does."""


def ask(method: str, url: str, **options: Any) -> httpx.Response:
    """The answer, once the server is not busy."""
    for _ in range(60):
        answer = httpx.request(method, url, timeout=60, **options)
        if answer.status_code != BUSY:
            break
        time.sleep(0.5)
    return answer
