"""`read_rows` and `score`: rows of any source, answered in parts that outlive a kill."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.cache.artifact import Artifact
from nightloom.cache.store import ArtifactStore
from nightloom.context import BuildContext
from nightloom.data import ROWS_PER_BATCH
from nightloom.errors import InputError, RunError
from nightloom.home import Home
from nightloom.progress import SILENT
from nightloom.settings.parse import settings_of
from nightloom.settings.score import ScoreSettings
from nightloom.stages import read_rows, score
from nightloom.stages.read_rows import ROWS
from nightloom.tasks.read_rows import read_rows as reading_stage
from nightloom.tasks.score import score as scoring_stage
from tests.cli.predicting import NAMES, _classifier, _tagger, _tokenizer

TEXTS = {"text": ["text"]}
PAIR = {"text": ["subject", "body"]}


class Killed(BaseException):
    """Stands for a kill: no builder may catch it."""


class Lines:
    """A report that keeps the lines, and kills the build once so many rows are done."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.lines: list[str] = []
        self._kill_at = kill_at

    def progress(self, *, what: str, done: float, total: float | None, unit: str, **_: Any) -> None:
        if self._kill_at is not None and done >= self._kill_at:
            raise Killed

    def log(self, message: str) -> None:
        self.lines.append(message)

    warn = log


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of a classifier's version, and of a tagger's."""
    folder = tmp_path_factory.mktemp("versions")
    for name, make in (("classes", _classifier), ("entities", _tagger)):
        (folder / name).mkdir()
        make(folder / name / "saved_model")
        _tokenizer(folder / name / "tokenizer")
    return {name: folder / name for name in ("classes", "entities")}


def asked(**settings: Any) -> ScoreSettings:
    return settings_of(ScoreSettings, {"model": "news", **settings})


def build(
    stage: Any,
    builder: Callable[[BuildContext], Any],
    home: Home,
    settings: ScoreSettings,
    known: dict[str, Any],
    *,
    run: dict[str, Any] | None = None,
    inputs: dict[str, Artifact] | None = None,
    report: Any = SILENT,
) -> Artifact:
    """Build a stage here, as its task would."""
    store, inputs = ArtifactStore(home), inputs or {}
    key = stage.declaration.key(settings, inputs, known)
    with store.building(key.stage, key.digest()) as out:
        context = BuildContext(
            stage=key.stage,
            key=key.digest(),
            variant="",
            settings=stage.declaration.view(settings),
            inputs={name: store.files(one) for name, one in inputs.items()},
            out=out,
            checkpoints=home.checkpoints / key.digest()[:24],
            home=home,
            run=run or {},
            outside=key.parts()["external"],
            report=report,
        )
        made = builder(context)
        return store.publish(
            out,
            stage=key.stage,
            key=key.digest(),
            parts=key.parts(),
            facts=made.facts,
            volatile=made.volatile,
            seconds=0.0,
        )


def rows_of(home: Home, known: Any, **data: Any) -> Artifact:
    settings = asked(data=data)
    return build(reading_stage, read_rows.build, home, settings, {"reading": known})


def answers_of(
    home: Home, rows: Artifact, files: Path, *, threshold: float | None = None, report: Any = SILENT
) -> tuple[Artifact, pa.Table]:
    kept = ArtifactStore(home).find(rows.stage, rows.key).artifact
    assert kept is not None
    artifact = build(
        scoring_stage,
        score.build,
        home,
        asked(**{"data.source": "sample"}),
        {"version": {"name": "news", "version": 1, "digest": "d", "threshold": threshold}},
        run={"version_files": str(files)},
        inputs={"rows": kept},
        report=report,
    )
    path = ArtifactStore(home).files(artifact).path / score.ANSWERS
    return artifact, pq.read_table(path)


def texts_of(home: Home, rows: Artifact) -> list[str]:
    with pa.ipc.open_stream(ArtifactStore(home).files(rows).path / ROWS) as stream:
        found: list[str] = stream.read_all()["text"].to_pylist()
    return found


def test_all_files_of_a_folder_are_read_whatever_split_their_name_says(tmp_path: Path) -> None:
    home, folder = Home(tmp_path / "home"), tmp_path / "new [1]"
    for name, text in (("test.csv", "b"), ("monday.csv", "a"), ("train-2.csv", "c")):
        (folder / "day").mkdir(parents=True, exist_ok=True)
        (folder / "day" / name).write_text(f"id,subject,body\n{text}1,{text},x\n")
    found = rows_of(home, PAIR, source=str(folder))
    assert texts_of(home, found) == ["a x", "b x", "c x"]
    assert found.facts == {"rows": 3, "carried": [("id", "text")], "notes": []}


def test_what_is_true_of_many_files_is_told_once(tmp_path: Path) -> None:
    for day in range(4):
        rows = "a;text\n" * day if day != 2 else 'a;"two\nlines"\n'
        (tmp_path / f"day{day}.csv").write_text("label;text\n" + rows)
    given = rows_of(Home(tmp_path / "home"), TEXTS, source=str(tmp_path / "day*.csv"))
    assert given.facts["notes"] == [
        "day0.csv: fields are separated by the semicolon ';' (data.delimiter)",
        f"{tmp_path / 'day0.csv'} has no rows, and so no answers",
        f"{tmp_path / 'day2.csv'}: 1 row in 3 lines; 1 line break is within quotes",
        "3 more files are like this one: day0.csv: fields are separated by the semicolon ';' "
        "(data.delimiter)",
    ]


def test_a_file_that_changes_before_it_is_read_is_not_kept_under_its_earlier_content(
    tmp_path: Path,
) -> None:
    home, source = Home(tmp_path / "home"), tmp_path / "rows.csv"
    source.write_text("text\na\n")

    def late(context: BuildContext) -> Any:
        source.write_text("text\na\nb\n")
        return read_rows.build(context)

    settings = asked(data={"source": str(source)})
    with pytest.raises(RunError, match="rows.csv changed while it was being read; run again once"):
        build(reading_stage, late, home, settings, {"reading": TEXTS})
    assert not [*home.artifacts.glob("read_rows/*")]
    assert texts_of(home, rows_of(home, TEXTS, source=str(source))) == ["a", "b"]


def test_rows_of_a_database_of_a_table_with_other_columns_and_of_the_sample(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    with sqlite3.connect(tmp_path / "tickets.db") as database:
        database.execute("CREATE TABLE tickets (nr INTEGER, subject TEXT, body TEXT)")
        database.executemany(
            "INSERT INTO tickets VALUES (?, ?, ?)", [(1, "a", None), (2, "b", "c")]
        )
    database.close()
    sql = f"sql:sqlite:///{tmp_path / 'tickets.db'}"
    query = "SELECT * FROM tickets ORDER BY nr"
    found = rows_of(home, PAIR, source=sql, query=query, id="nr")
    assert texts_of(home, found) == ["a", "b c"] and found.facts["carried"] == [("nr", "whole")]

    (tmp_path / "rows.jsonl").write_text('{"text": "only text", "id": 7}\n')
    found = rows_of(home, PAIR, source=str(tmp_path / "rows.jsonl"))
    assert texts_of(home, found) == ["only text"]
    assert "has no column" in found.facts["notes"][0]

    (tmp_path / "lines.txt").write_text("one\n\nlast")
    assert texts_of(home, rows_of(home, PAIR, source=str(tmp_path / "lines.txt"))) == [
        "one", "", "last",
    ]  # fmt: skip
    assert rows_of(home, TEXTS, source="sample").facts["rows"] > 100


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"source": "nowhere.csv"}, "no such file"),
        ({"source": "rows.csv", "id": "customer"}, r"no column 'customer' \(data.id\)"),
        ({"source": "rows.csv", "text": "titel"}, "no column 'titel'.*; data.text=COLUMN"),
    ],
    ids=["missing", "id", "text"],
)
def test_what_cannot_be_read_is_said_in_terms_of_settings(given, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("id,text\n1,a\n")
    with pytest.raises(InputError, match=expected) as error:
        rows_of(Home(tmp_path / "home"), TEXTS, **given)
    assert "--" not in str(error.value)


def write_rows(path: Path, count: int) -> None:
    lines = "".join(f"{n},{'X' * (n % 3)} t{n},{n % 2 == 0}\n" for n in range(count))
    path.write_text(f"nr,text,even\n{lines}")


def test_two_threads_answer_as_one_does_also_after_a_kill(tmp_path, versions, monkeypatch):
    homes = [Home(tmp_path / name) for name in ("two", "one")]
    write_rows(tmp_path / "rows.csv", 3 * ROWS_PER_BATCH + 5)
    rows = [rows_of(home, TEXTS, source=str(tmp_path / "rows.csv"), id="nr") for home in homes]
    one = answers_of(homes[1], rows[1], versions["classes"])
    monkeypatch.setattr(score, "FEW", 0)
    with pytest.raises(Killed):
        answers_of(homes[0], rows[0], versions["classes"], report=Lines(kill_at=ROWS_PER_BATCH))
    assert len(list(homes[0].checkpoints.rglob("part-*.parquet"))) in (2, 3), "with the one begun"
    two = answers_of(homes[0], rows[0], versions["classes"])
    assert two[0].digest == one[0].digest and two[1].equals(one[1])


def test_a_killed_build_goes_on_after_its_parts_and_answers_the_same(tmp_path, versions):
    homes = [Home(tmp_path / name) for name in ("killed", "whole")]
    source, count = tmp_path / "rows.csv", 2 * ROWS_PER_BATCH + 5
    write_rows(source, count)
    rows = [rows_of(home, TEXTS, source=str(source), id="nr,even") for home in homes]
    with pytest.raises(Killed):
        answers_of(homes[0], rows[0], versions["classes"], report=Lines(kill_at=ROWS_PER_BATCH))
    [part] = homes[0].checkpoints.rglob("part-*")
    (part.parent / "part-000002.new").write_bytes(b"half of a par")
    (part.parent / "part-000003.parquet").write_bytes(b"of another program")
    before, report = part.stat(), Lines()
    found = [
        answers_of(home, one, versions["classes"], report=report if home is homes[0] else SILENT)
        for home, one in zip(homes, rows, strict=True)
    ]
    assert part.stat().st_mtime_ns == before.st_mtime_ns
    assert report.lines == [f"part 1 is there already: {ROWS_PER_BATCH:,} rows"]
    (resumed, table), (whole, other) = found
    assert resumed.digest == whole.digest and table.equals(other)
    assert table["nr"].to_pylist() == [str(n) for n in range(count)]  # CSV has texts
    assert table["text"].to_pylist() == [f"{'X' * (n % 3)} t{n}" for n in range(count)]
    assert table.column_names == ["nr", "even", "text", "label", "probability", "calm",
                                  "label (class)", "urgent"]  # fmt: skip
    assert resumed.facts["rows"] == count == sum(resumed.facts["labels"].values())
    assert set(resumed.facts["labels"]) <= set(NAMES)


def test_a_version_abstains_below_its_threshold_and_no_rows_have_columns(tmp_path, versions):
    home, source = Home(tmp_path / "home"), tmp_path / "rows.jsonl"
    texts = ["a", "AAAAAA", "b", ""]
    source.write_text("".join(json.dumps({"text": text, "id": 1}) + "\n" for text in texts))
    rows = rows_of(home, TEXTS, source=str(source))
    artifact, table = answers_of(home, rows, versions["classes"], threshold=0.9)
    assert table["label"].to_pylist() == [None, "urgent", None, None]
    assert table["answered"].to_pylist() == [False, True, False, False]
    assert table["probability"].null_count == 0 and table["id"].type == pa.int64()
    assert artifact.facts["answered"] == 1 and artifact.facts["labels"] == {"urgent": 1}

    for name, content in (("none.csv", "id,text\n"), ("nothing.csv", "")):
        (tmp_path / name).write_text(content)
        nothing = rows_of(home, TEXTS, source=str(tmp_path / name), id=["id"])
        assert nothing.facts["notes"] == [f"{tmp_path / name} has no rows, and so no answers"]
        _, empty = answers_of(home, nothing, versions["classes"])
        assert empty.num_rows == 0 and {"id", "urgent"} <= {*empty.column_names}


def test_an_entity_model_answers_texts_and_sentences_split_into_words(tmp_path, versions):
    home = Home(tmp_path / "home")
    (tmp_path / "rows.conll").write_text("Ada B-PER\nLind I-PER\n\nOslo O\n")
    rows = rows_of(home, {}, source=str(tmp_path / "rows.conll"))
    artifact, table = answers_of(home, rows, versions["entities"])
    assert table["text"].to_pylist() == ["Ada Lind", "Oslo"]
    [entity] = table["entities"].to_pylist()[0]
    assert (entity["entity_group"], entity["start"], entity["end"]) == ("PER", 0, 8)
    assert artifact.facts["labels"] == {"PER": 2}
    artifact, table = answers_of(home, rows, versions["entities"], threshold=0.8)
    assert table["entities"].to_pylist() == [[], []] and table["left_out"].to_pylist() == [1, 1]
    assert artifact.facts["answered"] == 0
