"""The pages of servers with passwords, as somebody sees them who logs in with a browser."""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from docs.browser import Browser, browser, is_available
from nightloom.deployments import passwords, services
from nightloom.deployments.services import Addresses, Service
from nightloom.home import Home
from tests.ports import free_port
from tests.prefect_database import migrated

pytestmark = [
    pytest.mark.long("login"),
    pytest.mark.skipif(not is_available(), reason="there is no Chromium with its driver"),
]

PREFECT, MLFLOW = "night:only for this 1", "only for this test 2"
RUN = "a run that somebody was told of"
TYPED = """
const field = document.querySelector("input[type=password]");
const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
set.call(field, %s);
field.dispatchEvent(new Event("input", {bubbles: true}));
setTimeout(() => document.querySelector("form").requestSubmit(), 200);
"""
FORM = "return document.querySelector('input[type=password]') !== null"


def says(text: str) -> str:
    return f"return document.body.innerText.includes({json.dumps(text)})"


@contextlib.contextmanager
def running(service: Service, log: Path) -> Iterator[None]:
    """A service of the stack, up."""
    with log.open("w") as out:
        process = subprocess.Popen(
            service.command, env=dict(service.environment), stdout=out, stderr=out
        )
        try:
            deadline = time.monotonic() + 120
            while not service.is_up():
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Addresses:
    for name in (*passwords.OF_PREFECT, *passwords.OF_MLFLOW, *passwords.LOGIN_OF_MLFLOW):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(passwords.PREFECT_SERVER, PREFECT)
    monkeypatch.setenv(passwords.MLFLOW_SERVER, MLFLOW)
    home = Home(tmp_path)
    home.create()
    passwords.check(home)
    migrated(home.root / "prefect")
    return Addresses(free_port(), free_port())


def logged_in(page: Browser, link: str) -> None:
    """Follow a link to a page that asks for a password: a wrong one, then the right one."""
    page.open(link)
    page.wait(FORM, seconds=60)
    page.run(TYPED % json.dumps("night:wrong"))
    page.wait("return /Invalid credentials|Authentication failed/.test(document.body.innerText)")
    assert page.run(FORM)
    page.run(TYPED % json.dumps(PREFECT))


def test_prefect_s_uis_ask_once_and_a_link_leads_to_its_run(at: Addresses, tmp_path: Path):
    server = services.prefect_server(Home(tmp_path), at)
    with (
        running(server, tmp_path / "prefect.log"),
        httpx.Client(base_url=f"{at.prefect}/api", headers=passwords.prefect_header()) as api,
    ):
        flow = api.post("/flows/", json={"name": "told"}).raise_for_status().json()["id"]
        body = {"flow_id": flow, "name": RUN, "state": {"type": "COMPLETED"}}
        run = api.post("/flow_runs/", json=body).raise_for_status().json()["id"]
        report = {"key": "told-report", "type": "markdown", "data": "# all is well"}
        artifact = api.post("/artifacts/", json=report).raise_for_status().json()["id"]
        link = f"{server.environment['PREFECT_UI_URL']}/runs/flow-run/{run}"
        older = f"{at.prefect}/runs/flow-run/{run}"
        with browser() as page:
            logged_in(page, link)
            page.wait(says(RUN))
            page.open(older)
            page.wait(says(RUN))
        with browser() as page:
            link = f"{at.prefect}/v2/artifacts/artifact/{artifact}"
            logged_in(page, link)
            page.wait(f"return !({FORM.removeprefix('return ')})")
            page.open(link)
            page.wait(says("all is well"))
        with browser() as page:
            page.open(older)
            page.wait(says("Authentication failed"))
            assert not page.run(says(RUN))
            logged_in(page, f"{at.prefect}/login")
            page.wait("return location.pathname === '/dashboard'")
            page.open(older)
            page.wait(says(RUN))


def test_mlflow_s_pages_open_with_the_login_that_the_browser_asks_for(
    at: Addresses, tmp_path: Path
):
    with running(services.mlflow_server(Home(tmp_path), at), tmp_path / "mlflow.log"):
        assert httpx.get(at.mlflow).headers["www-authenticate"].startswith("Basic ")
        api = f"{at.mlflow}/api/2.0/mlflow/registered-models/create"
        answer = httpx.post(api, json={"name": "tickets-of-a-night"}, auth=("admin", MLFLOW))
        answer.raise_for_status()

        def asked(page: Browser, password: str) -> None:
            """What the browser's own dialog does: keep a login for the server, and send it."""
            page.open(at.mlflow.replace("http://", f"http://admin:{quote(password)}@", 1))
            page.open(f"{at.mlflow}/#/models")

        with browser() as page:
            asked(page, "a wrong password")
            assert not page.run(says("tickets-of-a-night")) and not page.run(says("MLflow"))
        with browser() as page:
            asked(page, MLFLOW)
            page.wait(says("tickets-of-a-night"), seconds=60)
