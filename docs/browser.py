"""A real browser: headless Chromium over the WebDriver protocol (w3.org/TR/webdriver2)."""

import base64
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    # a fresh profile that asks nothing of the network but the page
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One window."""

    def __init__(self, driver: httpx.Client, session: str) -> None:
        self._driver = driver
        self._session = session

    def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded; what its scripts fetch comes later."""
        self._post("url", {"url": url})

    def run(self, script: str) -> Any:
        """What a JavaScript function body returns in the page."""
        return self._post("execute/sync", {"script": script, "args": []})

    def wait(self, script: str, *, seconds: float = 30) -> Any:
        """Run a script until it returns something true; gives that.

        Raises:
            TimeoutError: It did not; the message has what the page said.
        """
        deadline = time.monotonic() + seconds
        while not (found := self.run(script)):
            if time.monotonic() > deadline:
                text = self.run("return document.body.innerText")
                raise TimeoutError(f"expected `{script}` to come true, got a page with: {text}")
            time.sleep(0.2)
        return found

    def fit(self, *, least: int = 600) -> None:
        """Make the window as tall as what the page holds, at least so many pixels."""
        tallest = (
            "Math.max(...[...document.querySelectorAll('*')]"
            ".filter(one => one.clientHeight).map(one => one.scrollHeight))"
        )
        width, frame = self.run("return [outerWidth, outerHeight - innerHeight]")
        # a page is at least as tall as its window: small first
        self._post("window/rect", {"width": width, "height": least})
        tall = self.run(f"return {tallest}") + frame
        self._post("window/rect", {"width": width, "height": max(least, tall)})

    def picture(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        answer = self._driver.get(f"/session/{self._session}/screenshot").raise_for_status().json()
        path.write_bytes(base64.b64decode(answer["value"]))

    def _post(self, command: str, body: dict[str, Any]) -> Any:
        answer = self._driver.post(f"/session/{self._session}/{command}", json=body).json()
        value = answer["value"]
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{value['error']}: {value['message']}")
        return value


def is_available() -> bool:
    """Whether Chromium and its driver are on this machine (Debian: chromium, chromium-driver)."""
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


@contextlib.contextmanager
def browser(*, width: int = 1280, height: int = 1000, scale: float = 1) -> Iterator[Browser]:
    """A fresh Chromium, closed at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait_for(client)
            flags = [*FLAGS, f"--window-size={width},{height}",
                     f"--force-device-scale-factor={scale}"]  # fmt: skip
            wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": flags}}
            answer = client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}).json()
            session = answer["value"]["sessionId"]
            try:
                yield Browser(client, session)
            finally:
                client.delete(f"/session/{session}")
    finally:
        driver.terminate()
        driver.wait(timeout=10)


def _wait_for(client: httpx.Client) -> None:
    for _ in range(100):
        with contextlib.suppress(httpx.HTTPError):
            if client.get("/status").json()["value"]["ready"]:
                return
        time.sleep(0.1)
    raise RuntimeError("expected chromedriver to answer within 10 s")
