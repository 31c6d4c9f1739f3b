"""What the readers of data tell people to do, taken at their word: what follows can be read.

Each case is a source that is refused, what the message must say, and how the words caught in it
change the settings or the files. The second reading must succeed.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest

from nightloom.data.build import build_dataset
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings

Files = dict[str, bytes | str]
Values = dict[str, Any]
Remedy = Callable[[Files, Values, re.Match[str]], list[tuple[Files, Values]]]
"""From what was refused and the words caught in the message to what must be readable."""

GOOD = "text,label\n" + "".join(f"t{n},{'ab'[n % 2]}\n" for n in range(20))
NUMBERED = "text,label\n" + "".join(f"t{n},{n % 2 + 1}\n" for n in range(20))
LONE = GOOD + '"one,a\ntwo",b\n'
TAGS = "the O\nvery B-PER\nold I-PER\n\nred B-LOC\ncat O\n\n" * 9
JSON = "".join(f'{{"text": "t{n}", "lable": "{"ab"[n % 2]}"}}\n' for n in range(20))


def parquet(**columns: Any) -> bytes:
    return pandas.DataFrame(columns).to_parquet()


def given(setting: str = "") -> Remedy:
    """A setting gets the value that was caught (group 1, or name and value); each of several."""

    def remedy(files: Files, values: Values, caught: re.Match[str]) -> list[tuple[Files, Values]]:
        if setting:
            one_by_one = re.split(r",? or |, ", caught[1])
            return [(files, {**values, setting: one.strip("'")}) for one in one_by_one]
        named = re.findall(r"data\.(\w+)=(\w[\w-]*)", caught[0])
        assert named, caught[0]
        return [(files, {**values, name: value}) for name, value in named]

    return remedy


def set_to(**more: Any) -> Remedy:
    """The setting that was caught gets what this file needs."""

    def remedy(files: Files, values: Values, caught: re.Match[str]) -> list[tuple[Files, Values]]:
        assert caught[1] in more, caught[0]
        return [(files, {**values, **more})]

    return remedy


def left_out(files: Files, values: Values, caught: re.Match[str]) -> list[tuple[Files, Values]]:
    """The setting that was caught is not given."""
    assert caught[1] in values, caught[0]
    return [(files, {name: value for name, value in values.items() if name != caught[1]})]


def mended(change: Callable[[Files, re.Match[str]], Files]) -> Remedy:
    """The files are changed as the message says."""
    return lambda files, values, caught: [(change(dict(files), caught), values)]


def _without_line(files: Files, caught: re.Match[str]) -> Files:
    name, number = caught[1], int(caught[2])
    lines = str(files[name]).splitlines(keepends=True)
    return {**files, name: "".join(lines[: number - 1] + lines[number:])}


TEXTS: list[tuple[str, Files, Values, str, Remedy]] = [
    ("cp1252", {"train.csv": (GOOD + "caf\xe9,a\n").encode("latin-1")}, {},
     r"data.encoding \((\w+)\?\)", given("encoding")),
    ("utf-16", {"train.csv": GOOD.encode("utf-16")}, {},
     r"data.encoding=([\w-]+)", given("encoding")),
    ("not utf-16", {"train.csv": GOOD}, {"encoding": "utf-16"},
     r"data.encoding \(([\w-]+)\?\)", given("encoding")),
    ("open quote", {"train.csv": GOOD + '"x,a\ny,b\n'}, {}, r"set data.quoted=false", given()),
    ("quote inside", {"train.csv": GOOD + '"x"y,a\n'}, {}, r"set data.quoted=false", given()),
    ("quotes over lines", {"train.csv": LONE}, {},
     r"data.quoted=false .*data.quoted=true", given()),
    ("two delimiters", {"train.csv": "a,x;1\nb,y;2\n" * 9}, {"columns": "text,label"},
     r"data.delimiter=\w+ or data.delimiter=\w+", given()),
    ("header and columns", {"train.csv": GOOD}, {"columns": "text,label"},
     r"leave out data.(columns)", left_out),
    ("no header", {"train.csv": GOOD[11:]}, {},
     r"name them in data.(columns)", set_to(columns="text,label")),
    ("another name", {"train.csv": GOOD.replace("text", "txt")}, {},
     r"did you mean '(\w+)'", given("text")),
    ("another name, JSONL", {"train.jsonl": JSON}, {}, r"did you mean '(\w+)'", given("label")),
    ("space in the header", {"train.csv": GOOD.replace(",label", ", label")}, {},
     r"rename it", mended(lambda files, _: {"train.csv": GOOD})),
    ("0 or 1", {"train.csv": NUMBERED}, {"label_names": "a,b,c"},
     r"set data.label_base to (0 or 1)", given("label_base")),
    ("names and a base", {"train.csv": GOOD}, {"label_names": "a,b", "label_base": 0},
     r"leave out data.(label_base)", left_out),
    ("limit", {"train.csv": GOOD}, {"limit": 1}, r"expected at least (\d+)", given("limit")),
    ("too few to cut", {"train.csv": "text,label\na,a\nb,b\n"}, {},
     r"give (test.\*) and (valid.\*) with train",
     mended(lambda files, _: {**files, "test.csv": GOOD, "valid.csv": GOOD})),
    ("no train", {"test.csv": GOOD}, {}, r"expected (train).\* of type \.(csv),",
     mended(lambda files, caught: {**files, f"{caught[1]}.{caught[2]}": GOOD})),
    ("class of the test rows alone", {"train.csv": GOOD, "test.csv": GOOD + "x,c\n"}, {},
     r"(test\.csv):(\d+): .* remove these", mended(_without_line)),
    ("empty label", {"train.csv": GOOD + "x,\n"}, {"unlabelled": "refuse"},
     r"(train\.csv):(\d+): .* remove it", mended(_without_line)),
    ("ragged", {"train.csv": GOOD + "x\n"}, {},
     r"(train\.csv):(\d+): .* fix the row", mended(_without_line)),
    ("column twice", {"train.csv": "text,label,text\n" + "a,x,c\nb,y,d\n" * 9}, {},
     r"rename the others", mended(lambda files, _: {"train.csv": str(files["train.csv"]).replace(
         "label,text", "label,more")})),
    ("numbers as text", {"train.parquet": parquet(text=[1, 2] * 9, t=["a", "b"] * 9,
                                                 label=["x", "y"] * 9)}, {},
     r"another column in data.(text)", set_to(text="t")),
    ("one class", {"train.csv": "text,label,kind\n" + "a,x,c\nb,x,d\n" * 9}, {},
     r"is data.(label) the right column", set_to(label="kind")),
    ("sample", {}, {"source": "sample", "label": "kind"}, r"leave out data.(label)", left_out),
]  # fmt: skip

ENTITIES: list[tuple[str, Files, Values, str, Remedy]] = [
    ("impossible", {"train.txt": TAGS + "a O\nb I-PER\n\n"}, {
        "scheme": "iob2", "invalid_tags": "refuse"},
     r"set data.invalid_tags=repair", given()),
    ("types without a prefix", {"train.txt": TAGS.replace("B-", "").replace("I-", "")}, {
        "scheme": "iob2"},
     r"data.scheme=io\b", given()),
    ("too few to cut", {"train.txt": "the O\nold B-PER\n\n"}, {},
     r"give (test.\*) and (valid.\*) with train",
     mended(lambda files, _: {**files, "test.txt": TAGS, "valid.txt": TAGS})),
    ("columns of the sample", {}, {"source": "sample", "columns": "word,ner"},
     r"leave (?:it|data.columns) out|leave it out", lambda files, values, _: [
         (files, {"source": "sample"})]),
    ("a line too short", {"train.txt": TAGS + "word\n"}, {}, r"(train\.txt):(\d+): expected",
     mended(_without_line)),
]  # fmt: skip


def read(kind: type, files: Files, values: Values, folder: Path) -> None:
    """Read the source, as `data.source` or the folder of these files."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name, content in files.items():
        (source / name).write_bytes(content.encode() if isinstance(content, str) else content)
    build_dataset(kind(**{"source": str(source), **values}), folder / "out")


CASES = [
    pytest.param(kind, *case, id=f"{task}, {name}")
    for task, kind, table in (
        ("texts", TextDataSettings, TEXTS),
        ("entities", EntityDataSettings, ENTITIES),
    )
    for name, *case in table
]


@pytest.mark.parametrize(("kind", "files", "values", "words", "remedy"), CASES)
def test_what_a_message_says_to_do_works(
    kind: type, files: Files, values: Values, words: str, remedy: Remedy, tmp_path: Path
) -> None:
    with pytest.raises((InputError, ValueError), match=words) as error:
        read(kind, files, values, tmp_path / "refused")
    caught = re.search(words, str(error.value))
    assert caught
    for number, (changed, others) in enumerate(remedy(files, values, caught)):
        read(kind, changed, others, tmp_path / str(number))
