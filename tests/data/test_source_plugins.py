"""Sources of other packages: read as ours are, in one file and without an edit here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nightloom.data.build import build_dataset
from nightloom.data.sources.opened import check_source, source_identity
from nightloom.errors import InputError
from nightloom.plugins import SOURCES
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.settings.local_paths import relative_paths
from nightloom.settings.parse import parse_settings
from nightloom.sources import OWN, modules_of, source_named, sources
from tests.plugins.packages import put

TOY = '''
"""Rows that are counted: `toy:NAME` has 30 texts, or sentences, about NAME."""

from nightloom.data.sources.opened import Tables
from nightloom.errors import InputError
from nightloom.sources import Source


def name(settings):
    found = settings.source.removeprefix("toy:")
    if not found.isalpha():
        raise InputError(f"data.source={settings.source}: expected letters after toy:")
    return found


def read(settings, report):
    import pyarrow as pa

    found = name(settings)
    report.log(f"counting {found}")

    def texts():
        for start in (0, 15):
            rows = range(start, start + 15)
            yield pa.RecordBatch.from_pydict(
                {"body": [f"{found} {n}" for n in rows], "label": [n % 2 for n in rows]}
            )

    def sentences():
        yield pa.RecordBatch.from_pydict(
            {"tokens": [[found, str(n)] for n in range(30)], "ner_tags": [["B-X", "O"]] * 30}
        )

    if settings.task == "entities":
        return Tables(splits={"train": sentences}, columns=("tokens", "ner_tags"))
    return Tables(
        splits={"train": texts, "test": texts},
        columns=("body", "label"),
        class_names={"label": ("even", "odd")},
        facts={"name": found},
        left_out={"more": "nobody counts so far"},
    )


RECORD = Source(
    prefix="toy:",
    open=read,
    identity=lambda settings: {"name": name(settings)},
    check=name,
    tasks=TASKS,
    text_columns={"toy:bodies": ("body",)},
)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install the package, with a source of these tasks; the name of its module."""

    def install(tasks: str = '"text", "entities"') -> str:
        module = f"toy_rows_{tmp_path.name}".replace("-", "_")
        files = {f"{module}.py": TOY.replace("TASKS", f"frozenset({{{tasks}}})")}
        points = {SOURCES: {"toy": f"{module}:RECORD"}}
        monkeypatch.syspath_prepend(put(tmp_path / "site", "toy-rows", files, points))
        return module

    return install


def test_texts_and_sentences(toy: Any, tmp_path: Path) -> None:
    module = toy()
    settings = TextDataSettings(source="toy:bodies")
    check_source(settings)
    assert source_identity(settings) == {"kind": "toy", "name": "bodies"}
    assert modules_of("toy:bodies") == (module,)
    facts = build_dataset(settings, tmp_path / "texts")
    assert facts["rows"] == {"train": 27, "valid": 3, "test": 30}
    assert facts["label_names"] == ["even", "odd"]
    assert facts["source"] == {"kind": "toy", "name": "bodies"}
    assert any("more (nobody counts so far)" in line for line in facts["warnings"])
    facts = build_dataset(EntityDataSettings(source="toy:people"), tmp_path / "sentences")
    assert facts["rows"] == {"train": 24, "valid": 3, "test": 3}
    assert facts["source"] == {"kind": "toy"}
    with pytest.raises(InputError, match=r"toy:people: no column 'text' .*: body, label"):
        build_dataset(TextDataSettings(source="toy:people"), tmp_path / "other")


def test_settings_know_it(toy: Any) -> None:
    toy('"text"')
    assert not relative_paths(parse_settings_of("toy:bodies"))
    for source, words in (
        ("toy:", "data.source=toy: lacks a name; expected toy:NAME"),
        ("toys:x", "unknown prefix; did you mean 'toy:'"),
        ("", "expected tfds:NAME, hf:NAME, .*toy:NAME, sample or a path"),
    ):
        with pytest.raises(ValidationError, match=words):
            TextDataSettings(source=source)
    with pytest.raises(ValidationError, match="toy: has labelled texts only; expected hf:NAME"):
        EntityDataSettings(source="toy:people")
    with pytest.raises(InputError, match="expected letters after toy:"):
        check_source(TextDataSettings(source="toy:1"))
    with pytest.raises(InputError, match=r"data.encoding=utf-16 is for text files; toy:a has no"):
        source_identity(TextDataSettings(source="toy:a", encoding="utf-16"))


def parse_settings_of(source: str) -> Any:
    from nightloom.settings.flows import ClassifyTransformer

    return parse_settings(ClassifyTransformer, [f"data.source={source}"])


@pytest.mark.parametrize("source", ["nowhere:x", "nowhere/there:x"])
def test_a_prefix_that_nobody_has(source: str, toy: Any, tmp_path: Path) -> None:
    toy()
    settings = TextDataSettings(source=str(tmp_path / source) if "/" in source else source)
    with pytest.raises(InputError) as caught:
        source_identity(settings)
    assert "expected tfds:NAME, hf:NAME, https://HOST/FILE, " in str(caught.value)
    assert "toy:NAME, sample or a path" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_loaded_is_told(toy: Any) -> None:
    toy("1 / 0")
    with pytest.raises(InputError, match=r"toy:x: no such file.*ZeroDivisionError.*uninstall"):
        source_identity(TextDataSettings(source="toy:x"))
    assert source_identity(TextDataSettings(source="sample")) == {"kind": "sample"}


def test_a_file_of_such_a_name_is_read(tmp_path: Path) -> None:
    path = tmp_path / "news:old.csv"
    path.write_text("text,label\n" + "".join(f"t{n},{'ab'[n % 2]}\n" for n in range(20)))
    facts = build_dataset(TextDataSettings(source=str(path)), tmp_path / "out")
    assert facts["source"]["kind"] == "files"


def test_our_records_are_called_what_the_table_says() -> None:
    assert {source_named(prefix + "x" * prefix.endswith(":")).prefix for prefix in OWN} == set(OWN)
    assert set(OWN) <= set(sources().records)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, json; from nightloom.sources import sources; "
        "from nightloom.settings.data import TextDataSettings; "
        "TextDataSettings(source='nowhere:x'); assert sources().records; "
        "heavy = ('numpy', 'pandas', 'pyarrow', 'datasets', 'tensorflow', 'tensorflow_datasets'); "
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def key_of(source: str) -> Any:
    from nightloom.tasks.download_dataset import download_dataset

    return download_dataset.declaration.key(parse_settings_of(source), {})


def test_a_key_holds_the_code_of_its_own_source(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = toy()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_text("text,label\na,b\n")
    kinds = {
        "toy:bodies": module,
        "hf:a/b": "nightloom.data.sources.hugging_face",
        "tfds:ag_news_subset": "nightloom.data.sources.tensorflow_datasets",
        "sample": "nightloom.data.sources.sample_rows",
        "train.csv": "nightloom.data.sources.folders",
    }
    for source in kinds:
        found = set(key_of(source).code)
        assert {name for name in kinds.values() if name in found} == {kinds[source]}
        assert "nightloom.data.splits.texts" in found
        assert "nightloom.data.splits.sentences" not in found


def test_an_edited_source_makes_another_key(toy: Any, tmp_path: Path) -> None:
    module = toy()
    before, other = key_of("toy:bodies"), key_of("sample")
    assert key_of("toy:bodies") == before
    path = tmp_path / "site" / f"{module}.py"
    path.write_text(path.read_text().replace("n % 2", "n % 3"))
    assert key_of("toy:bodies") != before
    assert key_of("sample") == other
