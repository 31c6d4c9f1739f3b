"""The ephemeral server's process: Prefect's API on 127.0.0.1 until standard input ends.

That is when its parent ends, however it ends. Signals from a terminal, or to a whole container,
also reach this process; it leaves them to the parent.
"""

import os
import signal
import sys
import threading
from typing import Any

STOP_SECONDS = 3.0
NOT_STARTED = 3
"""The port is taken; Prefect then tries another one."""
FAILED = 4
"""Another port would not help; why is written to the handle that was given."""
MOST_SAID = 4000


def main(port: int, why: int) -> None:
    """Serve; `why` is a handle, written to where the server cannot start."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    import uvicorn

    said: list[str] = []
    config = uvicorn.Config(
        lambda: _app(said),
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan="on",
    )
    server = uvicorn.Server(config)

    def serve() -> None:
        try:
            server.run()  # outside the main thread it installs no signal handlers
        finally:
            if said:
                os.write(why, said[-1][-MOST_SAID:].encode())
            os._exit(0 if server.started else FAILED if said else NOT_STARTED)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    while os.read(0, 4096):
        pass
    server.should_exit = True
    thread.join(STOP_SECONDS)
    os._exit(0)


def _app(said: list[str]) -> Any:
    """Prefect's application; why it cannot start is put into `said`."""
    from prefect.server.api.server import create_app

    inner = create_app()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                said.append(message.get("message", ""))
            await send(message)

        await inner(scope, receive, sending if scope["type"] == "lifespan" else send)

    return app


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
