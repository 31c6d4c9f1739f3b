"""An MLflow server, asked through its REST API: importing MLflow takes seconds."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from nightloom.errors import LoginError, RunError
from nightloom.masking import without_login

PAGE = 1000  # most that every server takes
TIMEOUT = 30.0  # seconds
UNAUTHORIZED = 401
LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
SEARCH = "/registered-models/search"
NO_FILE = "/api/2.0/mlflow-artifacts/artifacts/none"
"""Of a server: what it answers shows whether it would take files."""


@contextlib.contextmanager
def asked(base: str) -> Iterator[Any]:
    """A client of the server's REST API, logged in.

    Raises:
        LoginError: The server asks for a login that is not set, or for another.
        RunError: It cannot be reached, or answers with an error.
    """
    import httpx

    odd = [one for one in LOGIN if not os.environ.get(one, "").isascii()]
    try:
        with httpx.Client(base_url=f"{base}/api/2.0/mlflow", timeout=TIMEOUT, **login()) as http:
            if odd and _knows(http, SEARCH) and not _knows(http, f"{base}{NO_FILE}"):
                raise _not_ascii(base, odd)
            yield http
    except UnicodeEncodeError as error:  # bytes that are no text
        raise _not_ascii(base, odd) from error
    except httpx.HTTPStatusError as error:
        answer = error.response
        if answer.status_code == UNAUTHORIZED:
            raise no_login(base, answer.text) from error
        raise RunError(
            f"expected an MLflow server at {base}, but it answered {answer.status_code}: "
            f"{' '.join(answer.text.split())[:200]}"
        ) from error
    except (httpx.HTTPError, ValueError) as error:
        raise RunError(
            f"expected an MLflow server at {base}, but: {error}; start it, or set "
            "MLFLOW_TRACKING_URI to another store"
        ) from error


def pages(http: Any, path: str, key: str, only: str | None) -> Iterator[dict[str, Any]]:
    """What is listed under `key`, of all pages; only: a filter in MLflow's words."""
    query: dict[str, Any] = {"max_results": PAGE} | ({"filter": only} if only else {})
    while True:
        answer = http.get(path, params=query).raise_for_status().json()
        yield from answer.get(key, ())
        if not answer.get("next_page_token"):
            return
        query["page_token"] = answer["next_page_token"]


def login() -> dict[str, Any]:
    """How to log in: the same variables that MLflow's own client reads."""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user, password = (os.environ.get(one, "") for one in LOGIN)
    if user:
        return {"auth": (user, password)}
    return {"headers": {"Authorization": f"Bearer {token}"}} if token else {}


def no_login(tracking_uri: str, said: str = "") -> LoginError:
    """The error for a server that asks for a login, and got none or another; said: its answer."""
    names = " and ".join(LOGIN)
    if "MLFLOW_TRACKING_TOKEN" in os.environ and not os.environ.get(LOGIN[0]):
        names = "MLFLOW_TRACKING_TOKEN"
    answer = f": {' '.join(said.split())[:60]}" if said else ""
    return LoginError(
        f"expected a login of the MLflow server at {without_login(tracking_uri)} in {names}, which "
        f"{'it refuses' if login() else 'is not set'}: it answered {UNAUTHORIZED}{answer}; "
        f"{'correct it' if login() else 'set it'}"
    )


def _knows(http: Any, url: str) -> bool:
    return bool(http.get(url).status_code != UNAUTHORIZED)


def _not_ascii(base: str, names: Sequence[str]) -> LoginError:
    """MLflow's server (3.17) reads such a login where it is asked for models, not for files."""
    return LoginError(
        f"expected ASCII characters alone in {' and '.join(names)}: the MLflow server at "
        f"{without_login(base)} takes no others for files of models; choose another login there"
    )
