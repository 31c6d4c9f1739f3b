"""The ephemeral server's process: Prefect's API on 127.0.0.1 until standard input ends.

That is when its parent ends, however it ends. Signals from a terminal, or to a whole container,
also reach this process; it leaves them to the parent.
"""

import os
import signal
import sys
import threading

STOP_SECONDS = 3.0
NOT_STARTED = 3
"""Prefect then tries another port."""


def main(port: int) -> None:
    """Serve."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    import uvicorn

    config = uvicorn.Config(
        "prefect.server.api.server:create_app",
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
            os._exit(0 if server.started else NOT_STARTED)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    while os.read(0, 4096):
        pass
    server.should_exit = True
    thread.join(STOP_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
