"""Takes the screenshots of the documentation, in a real browser from a real run.

python -m docs.screenshots      starts a stack of its own, runs a night on the sample data

Needs chromium and chromium-driver (Debian packages). Writes docs/images/*.png.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from docs.browser import Browser, browser

IMAGES = Path(__file__).parent / "images"
NIGHT = {
    "models": [
        {
            "flow": "classify-transformer",
            "name": name,
            "settings": {"data.source": "sample", "model.length": 48, "train": train},
        }
        for name, train in (("sample-news", {}), ("sample-news-slow", {"learning_rate": 0.0005}))
    ]
}
WIDTH = 1280
COLOURS = 128
"""Of a picture's palette: text and charts need no more, and the files stay small."""


def main() -> None:
    """Run a night and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nightloom-screenshots-") as folder:
        home = Path(folder) / "home"
        ports = [_free_port(), _free_port()]
        _nightloom(
            home, "up", "-d", "--prefect-port", str(ports[0]), "--mlflow-port", str(ports[1])
        )
        try:
            _nightloom(home, "deploy")
            night = Path(folder) / "nightly.yaml"
            night.write_text(json.dumps(NIGHT))
            for _ in range(2):  # the second night is cached
                report = _nightloom(home, "run", "nightly", "--config", str(night), "--json")
            _pictures(f"http://127.0.0.1:{ports[0]}", json.loads(report))
        finally:
            _nightloom(home, "up", "--down")


def _pictures(prefect: str, report: dict[str, Any]) -> None:
    model = report["models"][0]
    night = _artifact(prefect, report["flow_run_id"], "nightly-report")
    pages = {
        "night-first-ui": night.replace("/v2/", "/"),
        "trend": _artifact(prefect, report["flow_run_id"], "nightly-trend"),
        "night-run": _run_page(prefect, report),
        "night": night,
        "run": _run_page(prefect, model),
        "report": _artifact(prefect, model["flow_run_id"], "-report"),
        "plot": _artifact(prefect, model["flow_run_id"], "plot-history"),
        "deployments": f"{prefect}/v2/deployments",
    }
    drawn = {
        "report": "return document.querySelectorAll('table').length > 3",
        "plot": "return [...document.images].some(image => image.naturalWidth > 300)",
    }
    with browser(width=WIDTH) as page:
        for name, url in pages.items():
            _open(page, url)
            page.wait(drawn.get(name, "return true"))
            page.fit()
            time.sleep(1)
            _save(page, IMAGES / f"{name}.png")


def _run_page(prefect: str, run: dict[str, Any]) -> str:
    return f"{prefect}/v2/runs/flow-run/{run['flow_run_id']}?tab=Artifacts"


def _save(page: Browser, path: Path) -> None:
    from PIL import Image

    page.picture(path)
    with Image.open(path) as shown:
        small = shown.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def _artifact(prefect: str, run_id: str, key: str) -> str:
    wanted = {"flow_runs": {"id": {"any_": [run_id]}}}
    found = httpx.post(f"{prefect}/api/artifacts/filter", json=wanted).raise_for_status().json()
    [one] = [each for each in found if (each["key"] or "").endswith(key)]
    return f"{prefect}/v2/artifacts/artifact/{one['id']}"


def _open(page: Browser, url: str) -> None:
    page.open(url)
    page.wait("return document.body.innerText.length > 300")
    time.sleep(2)  # pictures and graphs are drawn after the text


def _nightloom(home: Path, *arguments: str) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "MLFLOW_", "NIGHTLOOM_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "nightloom", *arguments],
        env={**environment, "NIGHTLOOM_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
