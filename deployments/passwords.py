"""Passwords of the stack's servers, by the variables that Prefect and MLflow have for them.

A server asks for one where its own variable is set in the environment of `nightloom up`. They are
passed on in environments alone: to the server that asks, and to the worker, as a client of both.
"""

import base64
import contextlib
import importlib.util
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nightloom.errors import InputError, LoginError
from nightloom.home import Home
from nightloom.registry.server import UNAUTHORIZED

if TYPE_CHECKING:
    from prefect.exceptions import PrefectHTTPStatusError

PREFECT_SERVER = "PREFECT_SERVER_API_AUTH_STRING"
PREFECT_CLIENT = "PREFECT_API_AUTH_STRING"
MLFLOW_SERVER = "MLFLOW_AUTH_ADMIN_PASSWORD"
MLFLOW_ADMIN = "MLFLOW_AUTH_ADMIN_USERNAME"
MLFLOW_CONFIG = "MLFLOW_AUTH_CONFIG_PATH"
MLFLOW_SECRET = "MLFLOW_FLASK_SERVER_SECRET_KEY"
MLFLOW_USER = "MLFLOW_TRACKING_USERNAME"
MLFLOW_PASSWORD = "MLFLOW_TRACKING_PASSWORD"
OF_PREFECT = (PREFECT_SERVER, PREFECT_CLIENT)
OF_MLFLOW = (MLFLOW_SERVER, MLFLOW_ADMIN, MLFLOW_CONFIG, MLFLOW_SECRET)
LOGIN_OF_MLFLOW = (MLFLOW_USER, MLFLOW_PASSWORD)
LEAST = 12
"""Characters that MLflow asks for."""
USERS = "mlflow-users.db"


def check(home: Home) -> None:
    """Check the servers' variables before anything is started.

    Raises:
        InputError: A password is empty, malformed or too short, or missing where MLflow had one.
    """
    given = os.environ.get(PREFECT_SERVER)
    of_worker = () if given is None else (PREFECT_CLIENT,)
    for name in (PREFECT_SERVER, *of_worker, MLFLOW_SERVER, MLFLOW_ADMIN):
        if not (os.environ.get(name) or "").isascii():
            raise InputError(f"expected ASCII characters alone in {name}: servers refuse others")
    if given is not None and not all(given.partition(":")[::2]):
        raise InputError(f"expected USER:PASSWORD in {PREFECT_SERVER}, got something else")
    password = os.environ.get(MLFLOW_SERVER)
    users = home.root / USERS
    if password is None:
        if users.exists() and MLFLOW_CONFIG not in os.environ:
            raise InputError(
                f"expected MLflow's password in {MLFLOW_SERVER}, as this home had one before; set "
                f"it, or remove {users} to go on without passwords"
            )
        return
    if len(password) < LEAST:
        raise InputError(
            f"expected at least {LEAST} characters in {MLFLOW_SERVER}, got {len(password)}"
        )
    if importlib.util.find_spec("flask_wtf") is None:
        raise InputError(
            "expected Flask-WTF, which MLflow needs for passwords; run: pip install 'mlflow[auth]'"
        )


def of_mlflow(home: Home) -> dict[str, str]:
    """What MLflow's server needs beside its password to ask for it; empty where it does not ask."""
    if MLFLOW_SERVER not in os.environ:
        return {}
    config = os.environ.get(MLFLOW_CONFIG)
    if not config:
        (home.root / USERS).touch(mode=0o600)
        config = str(_write_config(home))
    return {
        MLFLOW_CONFIG: config,
        MLFLOW_SECRET: os.environ.get(MLFLOW_SECRET) or secrets.token_hex(32),
    }


def of_clients() -> dict[str, str]:
    """The variables by which a client of the stack logs in; those that are set already stay."""
    given = os.environ
    found = {
        name: given[name]
        for name in (PREFECT_CLIENT, MLFLOW_USER, MLFLOW_PASSWORD)
        if name in given
    }
    if PREFECT_SERVER in given:
        found.setdefault(PREFECT_CLIENT, given[PREFECT_SERVER])
    if MLFLOW_SERVER in given and MLFLOW_USER not in given:
        found[MLFLOW_USER] = given.get(MLFLOW_ADMIN) or "admin"
        found[MLFLOW_PASSWORD] = given[MLFLOW_SERVER]
    return found


def prefect_header() -> dict[str, str]:
    """The header that logs in to Prefect, empty without a password."""
    return _header(of_clients().get(PREFECT_CLIENT))


def check_logins(prefect_api: str, mlflow: str) -> None:
    """Check that the stack's servers accept what its worker logs in with.

    Raises:
        InputError: One does not.
    """
    logins = of_clients()
    if _is_refused(f"{prefect_api}/admin/version", _header(logins.get(PREFECT_CLIENT))):
        raise _refuses(prefect_api, logins.get(PREFECT_CLIENT))
    user, password = logins.get(MLFLOW_USER), logins.get(MLFLOW_PASSWORD, "")
    search = f"{mlflow}/api/2.0/mlflow/registered-models/search?max_results=1"
    if _is_refused(search, _header(f"{user}:{password}" if user else None)):
        raise InputError(
            f"MLflow refuses the login of {user or 'nobody'}: it keeps the password with which it "
            f"was first started; give that one, or remove {USERS} in the home to begin anew"
        )


def answer_of_prefect(error: BaseException) -> "PrefectHTTPStatusError | None":
    """The server's answer behind an error of Prefect's client, which may tell of none."""
    from prefect.exceptions import PrefectHTTPStatusError

    found: BaseException | None = error
    seen = set()  # such chains can be rings
    while found is not None and not isinstance(found, PrefectHTTPStatusError):
        if id(found) in seen:
            return None
        seen.add(id(found))
        hidden = found.__suppress_context__
        found = found.__cause__ or (None if hidden else found.__context__)
    return found


def refused_by_prefect(error: Exception) -> LoginError | None:
    """What to say of an error of Prefect's client, where it is one of logging in."""
    from prefect.settings import PREFECT_API_AUTH_STRING

    answer = answer_of_prefect(error)
    if answer is None:
        return None
    url, login = answer.request.url, PREFECT_API_AUTH_STRING.value()
    server = f"{url.scheme}://{url.netloc.decode()}"
    if answer.response.status_code == UNAUTHORIZED:
        return _refuses(server, login)
    # a server that asks for a password fails where it compares it with such a one
    if login and not login.isascii() and _is_refused(str(url), {}):
        return LoginError(
            f"expected ASCII characters alone in {PREFECT_CLIENT}: the Prefect server at {server} "
            "takes no others; correct it"
        )
    return None


def _refuses(url: str, login: str | None) -> LoginError:
    return LoginError(
        f"expected a login of the Prefect server at {url} in {PREFECT_CLIENT} (USER:PASSWORD), "
        f"which {'it refuses; correct it' if login else 'is not set; set it'}"
    )


def _write_config(home: Home) -> Path:
    """MLflow's settings for passwords; there is no secret among them."""
    path = home.root / "mlflow-auth.ini"
    # a % is escaped for the parser of such files
    users = f"sqlite:///{home.root / USERS}".replace("%", "%%")
    lines = (
        "[mlflow]",
        "default_permission = READ",
        f"database_uri = {users}",
        "admin_username = admin",
        "auth_cache_ttl_seconds = 60",  # hashing a password for each request takes longer than most
    )
    text = "\n".join(lines) + "\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return path


def _header(login: str | None) -> dict[str, str]:
    if not login:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def _is_refused(url: str, headers: Mapping[str, str]) -> bool:
    with contextlib.suppress(OSError):
        try:
            urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=10)
        except urllib.error.HTTPError as error:
            return error.code == UNAUTHORIZED
    return False
