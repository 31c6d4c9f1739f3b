import json
from dataclasses import replace

import pytest

from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.facts import DataFacts, ModelFacts
from nightloom.reporting.cost import cost_of
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.long_words import within_page
from nightloom.reporting.markdown import escape, table
from nightloom.reporting.night import ModelOfNight, night_headline, record_of
from nightloom.reporting.night_report import night_report
from nightloom.reporting.night_rows import NightRow, night_table
from nightloom.reporting.report import RunReport
from nightloom.reporting.rows import confusion_rows, read_rows, rows_of, score_rows
from nightloom.reporting.run_report import RunFacts, run_report, standing
from nightloom.reporting.summary import summary
from nightloom.reporting.width import fitting, width
from nightloom.tasks.runtime.reporting import pictures_of

HIT = {"stage": "encode", "state": "hit", "why": "built 2 days ago, saves 41 s", "seconds": 0.1,
       "saved": 41.0}  # fmt: skip
BUILT = {"stage": "train", "state": "built", "why": "settings train.seed 1 → 2", "seconds": 95.0,
         "saved": 0.0}  # fmt: skip
REGISTERED = {**BUILT, "stage": "register"}
MODEL = {
    "name": "news", "version": 3, "aliases": ["champion"], "decision": "promoted",
    "reason": "promoted: better: accuracy 0.9100 against 0.9000", "metric": "accuracy",
    "value": 0.91, "champion_version": 2, "champion_value": 0.9, "difference": 0.01,
    "low": -0.002, "high": 0.022,
}  # fmt: skip
METRICS = {
    "rows": 10,
    "accuracy": 0.91,
    "by_class": {"x|y": {"support": 3, "f1": 0.5, "recall": 0.25, "precision": 1.0}},
    "confusion": {"labels": ["x|y", "z"], "counts": [[1, 2], [0, 7]]},
}


def report(*, stages=(HIT, BUILT), metrics=METRICS, model=MODEL, **others):
    run = RunReport(
        flow="classify-bert", flow_run_id=None, state="completed", seconds=95.0,
        stages=[StageEntry(**entry) for entry in stages], metrics=metrics,
        model=ModelFacts.of(model) if model else None,
    )  # fmt: skip
    return run_report(RunFacts(run, **others))


def test_a_report_has_stages_scores_gate_and_link():
    text = report(model_url="http://mlflow/#/models/news/versions/3")
    assert text.startswith("# classify-bert: promoted, built train\n")
    assert "[news version 3](http://mlflow/#/models/news/versions/3): `champion`" in text
    assert "> promoted: better: accuracy 0.9100 against 0.9000" in text
    assert "| encode | hit | built 2 days ago, saves 41 s | 0.1 s | 41 s |" in text
    assert "| train | built | settings train.seed 1 → 2 | 2 min |  |" in text
    assert "| accuracy | 0.9100 | 0.9000 | +0.0100 | -0.0020 to +0.0220 |" in text
    assert "| rows | 10 |  |  |  |" in text
    assert "| gold ↓ predicted → | x\\|y | z |" in text and "| z | 0 | 7 |" in text
    assert "mermaid" not in text
    heads = [line for line in text.splitlines() if line.startswith(("#", ">"))]
    assert heads[1].startswith("> promoted") and heads[-1] == "## Stages"


def test_curves_are_blocks_alone_where_the_server_of_the_pictures_asks_for_a_login(
    tmp_path, monkeypatch
):
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "history.png").touch()
    evaluated = ArtifactFiles(Artifact("evaluate", "0" * 64, "1" * 64), tmp_path)
    history = [{"epoch": n, "loss": 1 / n, "valid_loss": 1 / n} for n in range(1, 9)]
    model = ModelFacts.of({**MODEL, "run_id": "r"})

    def told() -> str:
        return report(
            history=history, pictures=pictures_of(model, evaluated, "https://mlflow.example")
        )

    picture = "![Learning curves](https://mlflow.example/get-artifact?path=evaluation/history.png"
    assert picture in told()
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    assert "![" not in told()
    assert "█" in told()


def test_a_report_says_what_stages_used_and_what_the_run_cost():
    used = {
        "cpu_utilization_percentage": {"mean": 61.6, "peak": 98.2},
        "system_memory_usage_megabytes": {"mean": 1500.0, "peak": 2345.0},
        "gpu_0_utilization_percentage": {"mean": 80.0, "peak": 100.0},
        "gpu_0_memory_usage_megabytes": {"mean": 40_000.0, "peak": 41_000.0},
    }
    plain = {name: one for name, one in used.items() if not name.startswith("gpu")}
    stages = [{**BUILT, "stage": "encode", "usage": plain}, {**BUILT, "usage": used}, HIT]
    text = report(stages=stages)
    assert "| stage | processor (peak) | memory (peak) | GPU (peak) | GPU memory (peak) |" in text
    assert "| encode | 62 % (98) | 1.5 GB (2.3) |  |  |" in text
    assert "| train | 62 % (98) | 1.5 GB (2.3) | 80 % (100) | 40.0 GB (41.0) |" in text
    assert "it cost" not in text
    run = RunReport(
        flow="f", flow_run_id=None, state="completed", seconds=95.0,
        stages=[StageEntry(**BUILT)], cost=1234.5,
    )  # fmt: skip
    assert "saved 0.0 s; it cost 1,234.50 (run.price_per_hour)." in run_report(RunFacts(run))
    assert RunReport.of(run.to_json()).cost == run.to_json()["cost"] == 1234.5
    assert cost_of(5400, 2.0) == 3.0 and cost_of(5400, None) is None


def test_a_report_of_a_failure_says_why_and_how_to_go_on():
    failed = {**BUILT, "state": "failed"}
    text = report(stages=[HIT, failed], metrics={}, model={}, error="out of memory <b>")
    assert text.startswith("# classify-bert: failed in train\n")
    assert "> out of memory &lt;b&gt;" in text
    assert "stays in the cache" in text


def test_without_a_champion_there_is_nothing_to_compare_with():
    text = report(model={**MODEL, "difference": None, "low": None, "champion_value": None})
    assert "| metric | value |\n" in text
    assert standing(ModelFacts.of({**MODEL, "difference": None})) == "accuracy 0.9100"
    assert standing(ModelFacts.of(MODEL)) == (
        "accuracy 0.9100 (+0.0100 against version 2, interval -0.0020 to +0.0220)"
    )
    assert standing(None) == ""


def test_a_report_has_slices_and_regressions_beside_the_champion():
    judged = {"by": "lengths", "name": "up to 9 characters", "rows": 250, "value": 0.9,
              "champion": 0.8, "difference": 0.1, "p_value": 1.0, "worse": False}  # fmt: skip
    worse = {**judged, "by": "classes", "name": "x|y", "value": 0.5, "difference": -0.3,
             "p_value": 0.001, "worse": True}  # fmt: skip
    slices = {"champion": "version 2", "metric": "accuracy", "unit": "rows", "least": 50,
              "judged": [judged, worse], "few": ["classes z"]}  # fmt: skip
    flips = {"champion": "version 2", "unit": "rows", "rows": 1000, "negative": 31,
             "positive": 40, "negative_rate": 0.031}  # fmt: skip
    lost = {"row": 7, "flip": "negative", "right": "a", "champion": "a", "this": "b",
            "text": "oh"}  # fmt: skip
    won = {**lost, "row": 8, "flip": "positive"}
    text = report(
        model={**MODEL, "slices": slices, "regressions": flips}, regressions=[lost] * 12 + [won]
    )
    assert "## Slices, accuracy beside version 2" in text
    first, second = (line for line in text.splitlines() if "| 250 |" in line)
    assert first == "| classes: x\\|y | 250 | 0.5000 | 0.8000 | -0.3000 | 0.0010 | worse |"
    assert second.startswith("| lengths: up to 9 characters | 250 | 0.9000 |")
    assert "Not judged, with fewer than 50 rows: classes z" in text
    assert "Of 1,000 test rows, 31 are wrong that version 2 has right (3.10%, negative" in text
    assert text.count("| 7 | a | a | b | oh |") == 10 and "| 8 |" not in text


def test_a_report_says_what_differs_from_the_champion():
    def row(of, name, old, new):
        return {"of": of, "name": name, "champion": old, "this": new, "version": 2}

    rows = [
        row("setting", "train.seed", "1", "2"),
        row("stage", "train", None, "library keras 3.1 → 3.2"),
        row("score", "by_class.x|y.f1", 0.5, 0.25),
        row("score", "reliability.3.rows", 1.0, 2.0),
    ]
    text = report(difference=rows)
    assert "| of | what | version 2 | version 3 |" in text
    assert "| setting | train.seed | 1 | 2 |" in text
    assert "| stage | train |  | library keras 3.1 → 3.2 |" in text
    assert "| score | by class.x\\|y.f1 | 0.5000 | 0.2500 |" in text
    assert "reliability" not in text
    many = report(difference=[row("setting", f"a.s{n}", "1", "2") for n in range(70)])
    assert "10 more: `nightloom diff news/2 news/3`" in many


def test_data_facts_and_warnings_are_shown():
    data = {
        "task": "text",
        "rows": {"test": 2, "train": 8},
        "label_names": ["a_b", "c"],
        "warnings": ["3 test rows are in train as well"],
        "source": {"kind": "sample"},
    }
    text = report(data=DataFacts.of(data))
    assert "| train | 8 |\n| test | 2 |" in text
    assert "a\\_b, c" in text
    assert "3 test rows are in train as well" in text


def test_cells_cannot_break_a_table():
    text = table([{"a": "x|y\nz", "b": None}, {"a": True, "b": 1234567}])
    assert text.splitlines()[2:] == ["| x\\|y z |  |", "| yes | 1,234,567 |"]
    assert table([]) == ""


def test_a_table_that_would_leave_the_page_has_its_long_cells_below():
    long = "settings " * 30
    text = table([{"stage": "train", "why": long, "took": "2 min"}, {"stage": "x", "why": "y"}])
    head, _, first, second, gap, below = text.splitlines()
    assert (head, second, gap) == ("| stage | why | took |", "| x | y |  |", "")
    assert first.endswith("… | 2 min |") and len(first) < 110
    assert below == f"- train, why: {long.strip()}"
    assert len(fitting([500.0])) == 1 and fitting([5.0, 6.0]) == [5.0, 6.0]
    assert sum(fitting([90.0, 90.0, 4.0])) <= 100
    assert width("▁漢a") == pytest.approx(1.6 + 2 + 1.15)


def test_tables_have_scores_in_order_and_confusions():
    assert score_rows(METRICS) == [
        {"class": "x|y", "precision": 1.0, "recall": 0.25, "f1": 0.5, "support": 3}
    ]
    assert score_rows({"by_type": {"LOC": {"f1": 0.5}}}) == [{"type": "LOC", "f1": 0.5}]
    assert score_rows({}) == []
    assert confusion_rows(METRICS)[1] == {"gold": "z", "x|y": 0, "z": 7}
    assert confusion_rows({}) == []


def test_rows_that_a_stage_left_are_shortened(tmp_path):
    path = tmp_path / "worst.json"
    assert rows_of(path) == []
    path.write_text("{broken")
    assert rows_of(path) == []
    row = {"text": "x" * 900, "p": 0.123456, "tokens": ["a", "b"], "spans": [[1, 2]], "none": None}
    path.write_text(json.dumps([row] * 300))
    shown = rows_of(path)
    assert len(shown) == 100
    assert len(shown[0]["text"]) == 500
    assert {**shown[0], "text": ""} == {
        "text": "", "p": 0.1235, "tokens": "a b", "spans": "[[1, 2]]", "none": None,
    }  # fmt: skip
    assert read_rows(path)[299] == row


def night_model(name, **changed):
    given = {"name": name, "flow": "classify-bert", "state": "completed", "seconds": 95.0,
             "stages": [HIT, BUILT, REGISTERED], "model": MODEL, **changed}  # fmt: skip
    return ModelOfNight.of(given)


def test_a_night_names_its_failures_and_its_champions():
    failed = night_model("bad_one", state="failed", model=None, error="no | space left",
                         stages=[HIT, {**BUILT, "state": "failed"}])  # fmt: skip
    models = [night_model("good"), failed]
    assert night_headline(models) == "1 of 2 models failed: bad_one"
    assert night_headline(models[:1]) == "1 model done, new champions: good"
    assert night_headline([night_model("x", stages=[HIT])]) == "1 model done, no new champion"
    good, bad = map(NightRow.of, models)
    assert good.standing.startswith("accuracy 0.9100 (+0.0100 against version 2")
    assert good.line().endswith("promoted, took 2 min, saved 41 s")
    assert "failed, built nothing; failed in train, took" in bad.line()
    assert night_table(models) == [
        {"model": "good", "verdict": "promoted", "metric": "accuracy 0.9100", "built": "2 stages"},
        {"model": "bad_one", "verdict": "failed", "metric": "",
         "built": "nothing; failed in train"},
    ]  # fmt: skip
    text = night_report(models, seconds=190.0)
    assert "# Night: 1 of 2 models failed: bad\\_one" in text
    assert "> no \\| space left" in text
    assert "What to do: " in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert table[0] == ("| model | verdict | against the champion | change |")
    assert table[2].startswith("| bad\\_one | failed in train |"), "what failed comes first"
    assert table[3].startswith(
        "| good | promoted | accuracy 0.9100, +0.0100 (-0.0020 to +0.0220) |"
    )
    assert table[7] == "| good |  | 2 min | train 2 min, register 2 min |"
    assert "(`champion`): promoted: better: accuracy 0.9100 against 0.9000" in text


def test_a_night_shows_its_models_beside_earlier_nights():
    model = night_model("news")
    told = {"night": "n", "called": "nightly 2026-11-26 01:30", "rows": 10}
    before = record_of(night_model("news", model={**MODEL, "value": 0.9}), when=1.0, **told)
    tonight = record_of(model, when=2.0, **told)
    assert (tonight.verdict, tonight.value, tonight.minutes) == ("promoted", 0.91, 1.583)
    text = night_report([model], seconds=1.0, nights={"news": [before, tonight]})
    assert "(-0.0020 to +0.0220) | +0.0100 |" in text and "| news | ▁█ | 2 min |" in text
    priced = replace(model, cost=0.125)
    assert record_of(priced, when=3.0, **told).numbers["cost"] == 0.125
    assert priced.to_json()["cost"] == 0.125 and "cost" not in model.to_json()
    rows = replace(model, name="rows", state="failed", error="gone")
    text = night_report([priced], seconds=1.0, cost=0.25, scored=[rows])
    assert "saved 41 s; it cost 0.25 (run.price_per_hour)." in text
    assert text.startswith("# Night: 1 of 1 runs of score failed: rows\n")
    hit = record_of(night_model("x", stages=[{**HIT, "stage": "register"}]), when=3.0, **told)
    assert hit.verdict == "unchanged"
    bad = night_model("x", state="failed", error="tonight's data are refused", model=None)
    assert record_of(bad, when=1.0, **told).reason == "tonight's data are refused"
    assert "nightloom accept-data x" in night_report([bad], seconds=1.0)


def test_a_summary_of_a_run_a_night_and_their_plans():
    run = {"flow": "f", "state": "completed", "seconds": 95.0, "seconds_saved": 41.0,
           "stages": [HIT], "metrics": METRICS, "model": MODEL}  # fmt: skip
    assert list(summary(run)) == [
        "metrics  accuracy 0.9100",
        "model    news/3 @champion",
        "gate     promoted: better: accuracy 0.9100 against 0.9000",
        "time     2 min, the cache saved 41 s",
    ]
    miss = {**BUILT, "state": "miss"}
    planned = ["HIT     encode  built 2 days ago, saves 41 s", "MISS    train: " + BUILT["why"]]
    assert list(summary({**run, "state": "planned", "stages": [HIT, miss]})) == planned
    night = {"state": "planned", "models": [{"name": "a", "stages": [HIT, miss]}]}
    assert list(summary(night)) == ["model a", *planned]
    done = [night_model("a").to_json(), night_model("bb", state="failed", error="x").to_json()]
    told = list(summary({**run, "models": done}))
    assert [line.split(",")[0] for line in told[:2]] == ["a   completed", "bb  failed"]


def test_a_night_in_which_nothing_was_built_decided_nothing():
    hit = {**HIT, "stage": "register", "state": "hit"}
    row = NightRow.of(night_model("x", stages=[hit]))
    assert row.decision == "unchanged, version 3 is the champion"
    built = {**hit, "state": "built"}
    row = NightRow.of(night_model("x", stages=[built]))
    assert row.decision == "promoted"


def test_a_version_whose_files_were_written_again_is_no_new_champion():
    built = {**HIT, "stage": "register", "state": "built"}
    one = night_model("x", stages=[built], model=ModelFacts.of(MODEL).standing().to_json())
    assert night_headline([one]) == "1 model done, no new champion"
    row = NightRow.of(one)
    assert row.decision == "unchanged, version 3 is the champion"
    assert "| x | unchanged |" in night_report([one], seconds=1.0)
    told = record_of(one, night="n", called="nightly 2026-11-26 01:30", when=1.0, rows=10)
    assert (told.verdict, told.version, told.value) == ("unchanged", 3, 0.91)
    run = RunReport(
        flow="f", flow_run_id=None, state="completed", seconds=1.0, stages=one.stages,
        metrics=METRICS, model=one.model,
    )  # fmt: skip
    assert not run.decided
    text = run_report(RunFacts(run))
    assert text.startswith("# f: unchanged, version 3 is the champion, built register\n")
    assert any(line.startswith("gate     unchanged since: ") for line in summary(run.to_json()))
    taken = replace(run, model=replace(run.model, aliases=[]))
    assert any(
        line.startswith("gate     not the champion any more (`nightloom history ")
        for line in summary(taken.to_json())
    )
    assert replace(run, model=ModelFacts.of(MODEL)).decided


def test_a_word_without_room_is_cut_and_stands_below_in_full():
    path = "/data/" + "folder_" * 12 + "rows.csv"
    told = within_page(f"- expected {escape(path)}:3; fix `{path}`\n- next\n\nEnd of it.\n")
    first, second, gap, fence, full, code, end, _, last = told.splitlines()
    assert first.startswith("- expected …") and "rows.csv:3; fix `…" in first
    assert (second, gap, fence, end, last) == ("- next", "", "```text", "```", "End of it.")
    assert (full, code) == (f"{path}:3", path)
    breaks = f"{'漢' * 90} {'a-' * 90}"
    kept = f"| {path} |\n\n```text\n{path}\n```\n\n[{path}](http://x/{path})\n\n{breaks}\n"
    assert within_page(kept) == kept, "tables, blocks, links, and what browsers break"
