"""Answers never take the place of rows, nor become rows of the next run."""

from pathlib import Path
from typing import Any

import pytest

from nightloom.errors import InputError
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.outputs import clash
from nightloom.settings.parse import validate


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "new" / "day [1]").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for name in ("in.parquet", "new/a.parquet", "new/day [1]/b.parquet"):
        (tmp_path / name).touch()
    (tmp_path / "out" / "hard.parquet").hardlink_to(tmp_path / "new" / "day [1]" / "b.parquet")
    (tmp_path / "out" / "soft.parquet").symlink_to(tmp_path / "new" / "a.parquet")
    (tmp_path / "out" / "later.parquet").symlink_to(tmp_path / "new" / "later.parquet")
    (tmp_path / "new" / "elsewhere.parquet").symlink_to(tmp_path / "out" / "x.parquet")
    (tmp_path / "linked").symlink_to(tmp_path / "new")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("in.parquet", "new/../in.parquet", "is also data.source=in.parquet"),
        ("missing.parquet", "missing.parquet", "is also data.source=missing.parquet"),
        ("linked/a.parquet", "out/soft.parquet", "is also data.source=linked/a.parquet"),
        ("new", "out/hard.parquet", "is one of the files of data.source=new"),
        ("new/**", "out/soft.parquet", "is one of the files of data.source=new/**"),
        ("new", "new/day [1]/c.parquet", "lies in the folder data.source=new"),
        ("new/day [1]", "new/day [1]/c.parquet", "lies in the folder"),
        ("linked", "new/c.parquet", "lies in the folder data.source=linked"),
        ("new", "linked/day [1]/c.parquet", "lies in the folder"),
        ("new", "out/later.parquet", "lies in the folder"),
        ("new", "new/elsewhere.parquet", "lies in the folder"),
        ("*.parquet", "answers.parquet", "matches data.source=*.parquet"),
        ("n*/*.parquet", "linked/c.parquet", "matches"),
        ("**/*.parquet", "out/c.parquet", "matches"),
    ],
)
def test_where_no_answers_may_go(source: str, output: str, expected: str, folder: Path) -> None:
    for given in (output, str(folder / output)):
        assert expected in clash(given, source)


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("in.parquet", "out.parquet"),
        ("new", "out/c.parquet"),
        ("new/*.parquet", "new/day [1]/c.parquet"),
        ("new/a*.parquet", "new/c.parquet"),
        ("gone", "gone/c.parquet"),
        ("sample", "sample.parquet"),
        ("hf:new", "new/c.parquet"),
    ],
)
def test_other_places_are_free(source: str, output: str) -> None:
    assert clash(output, source) == ""


def night(*entries: tuple[str, str]) -> NightlySettings:
    """A night of a model, and of entries by their sources and outputs."""
    told: list[dict[str, Any]] = [
        {"name": f"entry-{number}", "model": "news", "data.source": source, "score.output": output}
        for number, (source, output) in enumerate(entries, start=1)
    ]
    model = {"flow": "classify-bert", "name": "news", "settings": {"data.source": "in.parquet"}}
    return validate(NightlySettings, {"models": [model], "score": told})


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (("sample", "out/../one.parquet"), "entry-1 and entry-2 both write score.output="),
        (("sample", "in.parquet"), "entry-2: .* is also data.source=in.parquet of model news"),
        (("one.parquet", "two.parquet"), "entry-1: .* data.source=one.parquet of entry-2"),
        (("new", "new/two.parquet"), "entry-2: .* lies in the folder data.source=new of entry-2"),
    ],
)
def test_the_entries_of_a_night_leave_each_other_s_files_alone(
    second: tuple[str, str], expected: str
) -> None:
    first = ("sample", "one.parquet")
    with pytest.raises(InputError, match=expected) as error:
        night(first, second)
    assert "\n" not in str(error.value)
    assert night(first, ("in.parquet", "two.parquet"))
