"""A web server of a few files on 127.0.0.1, which a test can change and let fail."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Page:
    """What the server answers for a path; `short`: bytes that it promises and does not send; it
    keeps silent instead until `hold` is set, if there is one."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    short: int = 0
    knows_head: bool = True
    hold: threading.Event | None = None


class Web:
    """The pages by path, the requests as `METHOD path`, and the logins that came with them."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[str] = []
        self.logins: list[str | None] = []
        self.url = ""


@contextmanager
def serve(certificate: Path | None = None) -> Iterator[Web]:
    """A server on a free port while the body runs; certificate: with its key, for HTTPS."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            web.requests.append(f"{self.command} {self.path}")
            web.logins.append(self.headers.get("Authorization"))
            page = web.pages.get(self.path, Page(status=404))
            if self.command == "HEAD" and not page.knows_head:
                page = Page(status=405)
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in page.headers:
                self.send_header("Content-Length", str(len(page.body) + page.short))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(page.body)
                if page.hold is not None:
                    self.wfile.flush()
                    page.hold.wait(60)

        do_GET = do_HEAD = _reply

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http{'s' * bool(certificate)}://127.0.0.1:{server.server_address[1]}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True, args=(0.01,))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
