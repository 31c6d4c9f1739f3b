"""The app of the MLflow server that `nightloom up` starts: MLflow's own, whose answers name files
by addresses of the server instead of paths on its disk (`nightloom.registry.files.locations`).

MLflow finds it as its plugin `nightloom`: `mlflow server --app-name nightloom`, with
`--artifacts-destination` naming the folder of files.
"""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from nightloom.deployments import passwords
from nightloom.registry.files.locations import PROXIED, Locations
from nightloom.registry.files.moving import recorded_root
from nightloom.registry.store import local_path

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MESSAGES = re.compile(r"/(?:api|ajax-api)/\d+\.\d+/mlflow/(?!.*get-trace-artifact)|/graphql$")
_FILES = re.compile(r"/artifacts/files$")
_LENGTHS = (b"content-length", b"transfer-encoding")


def create() -> "ASGIApp":
    """MLflow's app, with passwords where they are asked for."""
    from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR

    if passwords.MLFLOW_SERVER in os.environ:
        from mlflow.server.auth import create_app

        app: ASGIApp = create_app()
    else:
        from mlflow.server.fastapi_app import app
    folder = local_path(os.environ[ARTIFACTS_DESTINATION_ENV_VAR])
    return app if folder is None else Translated(app, _of(folder))


def _of(folder: Path) -> Locations:
    """Locations of a home's files; a home has other paths where links lead to it."""
    written = recorded_root(folder.parent)
    return Locations.below(folder, *([written / folder.name] if written else []))


class Translated:
    """An app whose messages, as JSON, name locations as clients do; files pass through as such."""

    def __init__(self, app: "ASGIApp", locations: Locations) -> None:
        self._app = app
        self._locations = locations

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request, as ASGI has it."""
        path = scope.get("path", "")
        is_message = scope["type"] == "http" and scope["method"] != "HEAD"
        if not is_message or not _MESSAGES.search(path) or _FILES.search(path):
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if b"source_path" in scope["query_string"]:
            scope = {**scope, "query_string": self._query(scope["query_string"])}
        if _is_json(headers.get(b"content-type", b"")):
            body = await _whole(receive)
            if PROXIED.encode() in body:
                body = self._changed(body, self._locations.inward)
                scope = {**scope, "headers": _with_length(scope["headers"], body)}
            receive = _once(body, receive)
        await self._app(scope, receive, _Answer(self, send))

    def outward(self, body: bytes) -> bytes:
        """An answer as clients get it."""
        return self._changed(body, self._locations.outward)

    def _query(self, query: bytes) -> bytes:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True)
        changed = [(k, self._locations.searched(v) if k == "filter" else v) for k, v in pairs]
        return urlencode(changed).encode("ascii")

    def _changed(self, body: bytes, change: Any) -> bytes:
        try:
            message = json.loads(body)
        except ValueError:
            return body
        changed = change(message)
        return body if changed == message else json.dumps(changed).encode()


class _Answer:
    """Holds an answer in JSON back until it is whole, and sends it changed."""

    def __init__(self, app: Translated, send: "Send") -> None:
        self._app = app
        self._send = send
        self._start: Message | None = None
        self._parts: list[bytes] = []

    async def __call__(self, message: "Message") -> None:
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message["headers"]}
            if _is_json(headers.get(b"content-type", b"")) and b"content-encoding" not in headers:
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = self._app.outward(b"".join(self._parts))
        start, self._start = self._start, None
        await self._send({**start, "headers": _with_length(start["headers"], body)})
        await self._send({"type": "http.response.body", "body": body})


def _is_json(content_type: bytes) -> bool:
    return content_type.split(b";")[0].strip().lower() == b"application/json"


def _with_length(headers: Any, body: bytes) -> list[tuple[bytes, bytes]]:
    kept = [(k, v) for k, v in headers if k.lower() not in _LENGTHS]
    return [*kept, (b"content-length", str(len(body)).encode())]


async def _whole(receive: "Receive") -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _once(body: bytes, receive: "Receive") -> "Receive":
    """Gives the whole body at once, then what comes after it."""
    left = [body]

    async def given() -> "Message":
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return given
