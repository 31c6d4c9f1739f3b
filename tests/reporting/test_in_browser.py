"""Reports as a browser shows them in both of Prefect's UIs, 1,280 pixels wide."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from docs.browser import Browser, browser, is_available
from nightloom.facts import ModelFacts
from nightloom.registry.nights.record import NightRecord
from nightloom.reporting.answers_report import answers_part
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.long_words import within_page
from nightloom.reporting.night import ModelOfNight
from nightloom.reporting.night_report import night_report
from nightloom.reporting.night_rows import night_table
from nightloom.reporting.report import RunReport
from nightloom.reporting.run_report import RunFacts, run_report
from nightloom.reporting.trend import trend_markdown
from nightloom.reporting.trend_picture import trend_picture
from tests.reporting.test_reports import METRICS, MODEL

WHY = "input examples changed 3f9a12cd → 99ab12cd and library keras 3.1 → 3.2; code of 4 modules"
STAGES = [
    StageEntry("download_dataset", "built", seconds=300, why="1 of 3 files new: 2026-11-26.csv"),
    StageEntry("train", "built", seconds=1900, why=WHY),
]
RECORD = NightRecord(
    night="n", called="nightly 2026-11-26 01:30", when=0.0, model="support-tickets-europe",
    flow="classify-bert", verdict="unchanged", metric="accuracy", value=0.91, rows=127_000,
)  # fmt: skip
NIGHTS = [replace(RECORD, when=float(n), value=0.9 + n % 5 / 100) for n in range(30)]
CUT = """
const cut = [];
for (const one of document.querySelectorAll("table, li, p, h1, h2")) {
  const room = one.parentElement.getBoundingClientRect().right + 1;
  const range = document.createRange();
  range.selectNodeContents(one);
  if (range.getBoundingClientRect().right > room) cut.push(one.innerText.slice(0, 200));
}
return cut;
"""
DRAWN = """
return [...document.images].some((one) => one.src.startsWith("data:") && one.naturalWidth > 600);
"""
PATH = "/data/nights/artifacts/score/005f90e0e55439b97b3c13fd7a7fc98b79bdc4d2/answers_of_it.parquet"
"""As long as those in the cache, of names that no line can be broken in."""
LINKED, ODD = "support_tickets-2", "tickets._eu_"
"""Names of models; markdown would take the second's underscores for marks."""


def reports() -> dict[str, str]:
    good = ModelOfNight(
        name=RECORD.model, flow="classify-bert", state="completed", seconds=2400, stages=STAGES,
        model=ModelFacts.of(MODEL),
    )  # fmt: skip
    bad = ModelOfNight(
        name="entity-recognition-news", flow="ner-bert", state="failed", stages=STAGES[:1],
        error=f"expected a number in column 3 of {PATH}:1234; fix the line",
    )  # fmt: skip
    flips = [{"row": 7, "flip": "negative", "right": "a", "champion": "a", "this": "b",
              "text": "a long text about a game in the rain " * 20}]  # fmt: skip
    beside = {"champion": "version 2", "unit": "rows", "rows": 1000, "negative": 31, "positive": 4,
              "negative_rate": 0.031}  # fmt: skip
    run = RunReport(
        flow="classify-bert", flow_run_id=None, state="completed", seconds=9.0, stages=STAGES,
        metrics=METRICS, model=ModelFacts.of({**MODEL, "regressions": beside}),
    )  # fmt: skip
    history = [{"epoch": n, "loss": 1 / n, "valid_loss": 1 / n} for n in range(1, 40)]
    scored = ModelOfNight(
        name="score support-tickets-europe@champion", flow="score", state="completed", seconds=9.0,
        stages=STAGES, model=ModelFacts.of(MODEL), answers={"rows": 127_000, "path": PATH},
    )  # fmt: skip
    named = [replace(good, name=name, flow_run_url="http://127.0.0.1/") for name in (LINKED, ODD)]
    night = night_report([good, bad, *named], seconds=60.0, nights={good.name: NIGHTS})
    return {
        "night": within_page(f"{night}\n{answers_part([scored])}"),
        "trend": trend_markdown(NIGHTS),
        "run": run_report(RunFacts(run, history=history, regressions=flips)),
        "table": json.dumps(night_table([good, bad])),
    }


def opened(page: Browser, url: str) -> str:
    page.open(url)
    page.wait("return document.querySelectorAll('table tr').length > 1", seconds=60)
    return str(page.run("return document.body.innerText"))


@pytest.mark.skipif(not is_available(), reason="there is no Chromium with its driver")
def test_no_chart_code_and_no_cut_column_in_either_ui(prefect_api: str) -> None:
    made: dict[str, Any] = {}
    for name, data in reports().items():
        kind = "table" if name == "table" else "markdown"
        body = {"key": f"seen-{name}", "type": kind, "data": data}
        made[name] = httpx.post(f"{prefect_api}/artifacts/", json=body).raise_for_status().json()
    body = {"key": "seen-plot", "type": "markdown", "data": f"![x]({trend_picture(NIGHTS)})"}
    plot = httpx.post(f"{prefect_api}/artifacts/", json=body).raise_for_status().json()
    with browser(width=1280) as page:
        for ui in ("", "/v2"):
            for name, one in made.items():
                address = f"{prefect_api.removesuffix('/api')}{ui}/artifacts/artifact/{one['id']}"
                text = opened(page, address)
                assert "xychart" not in text and "block-beta" not in text
                assert page.run(CUT) == [], (ui, name)
                if name == "night":
                    assert PATH in text and "127,000" in text
                    assert f"{LINKED} version" in text and f"{ODD} (open) version" in text, ui
            page.open(f"{prefect_api.removesuffix('/api')}{ui}/artifacts/artifact/{plot['id']}")
            assert page.wait(DRAWN, seconds=60), ui
            assert "base64" not in page.run("return document.body.innerText"), ui
