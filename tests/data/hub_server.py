"""A Hugging Face hub of a few files on 127.0.0.1, for the real client: metadata, tree, files."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What the server holds (data set -> path -> bytes), and what it was asked.

    The first `failures` requests for a file are answered with status 500.
    """

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        self.repositories = repositories
        self.requests: list[str] = []
        self.failures = 0
        self.url = ""
        self.commit = COMMIT

    def answer(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for one request."""
        self.requests.append(f"{method} {path}")
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        api = parts[0] == "api"
        parts = parts[1:] if api else parts
        files = self.repositories.get("/".join(parts[1:3]))
        if files is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        rest = parts[3:]
        if not api:
            return self._file(files, "/".join(rest[2:]))
        if rest and rest[0] == "tree":
            listed = _tree(files, "/".join(rest[2:]))
            if not listed:
                return 404, {"X-Error-Code": "EntryNotFound"}, b"{}"
            return 200, {}, json.dumps(listed).encode()
        if rest and rest[0] == "paths-info":
            return 200, {}, json.dumps(_tree(files, "", recursive=True)).encode()
        if len(rest) > 1 and rest[1] not in ("main", self.commit):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        siblings = [{"rfilename": name} for name in files]
        described = {"id": "/".join(parts[1:3]), "sha": self.commit, "siblings": siblings}
        return 200, {}, json.dumps(described).encode()

    def _file(self, files: dict[str, bytes], name: str) -> tuple[int, dict[str, str], bytes]:
        if name not in files:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        if self.failures > 0:
            self.failures -= 1
            return 500, {}, b""
        headers = {"ETag": f'"{_digest(files[name])}"', "X-Repo-Commit": self.commit}
        return 200, headers, files[name]


def _tree(files: dict[str, bytes], folder: str, *, recursive: bool = False) -> list[dict]:
    prefix = f"{folder}/" if folder else ""
    listed: dict[str, dict] = {}
    for name, data in files.items():
        if not name.startswith(prefix):
            continue
        child = name if recursive else prefix + name.removeprefix(prefix).split("/")[0]
        if child == name:
            listed[child] = {"type": "file", "path": name, "size": len(data), "oid": _digest(data)}
        else:
            listed[child] = {"type": "directory", "path": child, "size": 0, "oid": _digest(b"")}
    return list(listed.values())


def _digest(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve `hub` on a free port while the body runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            status, headers, body = hub.answer(self.command, self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = _reply

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
