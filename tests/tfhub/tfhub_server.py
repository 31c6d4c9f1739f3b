"""A TF Hub of a few archives on 127.0.0.1, for the real client."""

import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


def packed(directory: Path) -> bytes:
    """A .tar.gz of what lies in a directory, as TF Hub serves it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(directory, arcname=".")
    return buffer.getvalue()


class Hub:
    """What the server holds (path → archive), how it misbehaves, and what it was asked.

    The next requests are answered by `failures` in turn: a status, or the number of bytes after
    which the connection breaks, as a negative number.
    """

    def __init__(self, archives: dict[str, bytes]) -> None:
        self.archives = archives
        self.failures: list[int] = []
        self.content_type = "application/octet-stream"
        self.etag: str | None = '"1"'
        self.knows_parts = True
        self.requests: list[tuple[str, str | None]] = []
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, or break off in the middle."""
        split = urlsplit(handler.path)
        wanted = handler.headers.get("Range")
        self.requests.append((handler.path, wanted))
        failure = self.failures.pop(0) if self.failures else 0
        compressed = parse_qs(split.query).get("tf-hub-format") == ["compressed"]
        content = self.archives.get(split.path) if compressed else None
        if failure > 0 or content is None:
            handler.send_error(failure or 404)
            return
        start = 0
        if wanted and self.knows_parts and handler.headers.get("If-Range") == self.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.send_header("Content-Type", self.content_type)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        end = start - failure if failure else len(content)
        handler.wfile.write(content[start:end])
        handler.wfile.flush()
        if failure:
            handler.connection.shutdown(2)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Run the server; `hub.url` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Listener:
    """What was said of a transfer."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done: list[tuple[float, float | None]] = []

    def progress(self, *, done: float, total: float | None, **facts: Any) -> None:
        self.done.append((done, total))

    def log(self, message: str) -> None:
        self.lines.append(message)

    warn = log
