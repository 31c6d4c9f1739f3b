"""Which formats a version is written in, and which columns it takes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nightloom.cache.artifact import Artifact
from nightloom.context import BuildContext
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.plugins import EXPORTS
from nightloom.records import known
from nightloom.settings.flows import ClassifyBert, ClassifyHub, ClassifyTransformer, NerBert
from nightloom.settings.parse import parse_settings
from nightloom.stages.export import export, formats
from nightloom.stages.register_text import columns
from nightloom.tasks.register import register
from nightloom.tasks.train import train
from tests.plugins.packages import put

AG_NEWS = {"kind": "tfds", "name": "ag_news_subset"}
HEAD = "model.trainable=head"
NOTES = """
from nightloom.records import Format

NOTES = Format(name="notes", write="{module}:write", models=({models}))


def write(context, model, folder):
    folder.mkdir()
    (folder / "notes.txt").write_text(f"{{model}} {{context.variant}}")
"""


def context(
    kind: Any,
    *given: str,
    text: Any = None,
    source: Any = AG_NEWS,
    out: Path = Path(),
    **hooks: str,
) -> BuildContext:
    settings = parse_settings(kind, given)
    dataset: Any = SimpleNamespace(facts={"source": source})
    scores: Any = SimpleNamespace(facts={"metrics": {"temperature": 1.0}})
    return BuildContext(
        stage="register",
        key="",
        variant=settings.learner.name,
        settings={"data": {"text": text}},
        inputs={"dataset": dataset, "scores": scores},
        out=out,
        checkpoints=Path(),
        home=Home(Path()),
        hooks=register.declaration.hooks(settings) | hooks,
    )


def test_formats_are_those_that_can_write_the_model_unless_some_are_left_out():
    assert formats(context(ClassifyBert, HEAD)) == formats(context(NerBert)) == ["huggingface"]
    both = "register.formats=huggingface,saved_model"
    assert formats(context(ClassifyBert, both)) == ["huggingface"]
    assert formats(context(ClassifyBert, "register.formats=saved_model")) == []
    assert formats(context(ClassifyTransformer)) == formats(context(ClassifyHub, HEAD)) == []


def test_columns_are_those_of_the_training_rows():
    assert columns(context(ClassifyBert, HEAD)) == ("title", "description")
    assert columns(context(ClassifyTransformer, text=["a", "b"])) == ("a", "b")
    for source in (
        {"kind": "files", "rows": 3},
        {"kind": "sample"},
        {"kind": "sql"},
        {"kind": "toy"},
        {"kind": "hf", "name": "news"},
        {"kind": "tfds", "name": "imdb_reviews"},
    ):
        assert columns(context(ClassifyTransformer, source=source)) == ("text",), source
        assert columns(context(ClassifyTransformer, text=["a"], source=source)) == ("a",)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (
            ClassifyBert,
            "onnx",
            "register.formats.0: expected 'saved_model' or 'huggingface', got 'onnx'",
        ),
        (NerBert, "huggingface", "expected saved_model among them"),
        (ClassifyHub, "saved_model,huggingface", "this flow's models have no format huggingface"),
    ],
    ids=("unknown", "without the one that answers", "none of this family"),
)
def test_a_format_that_is_not_there_is_refused(kind, value, expected):
    with pytest.raises(InputError, match=expected):
        parse_settings(kind, [f"register.formats={value}"])


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install a package with the format `notes`, for some kinds of models or for all."""

    def install(models: str = "", code: str = NOTES) -> None:
        module = f"noting_{tmp_path.name}".replace("-", "_")
        files = {f"{module}.py": code.format(module=module, models=models)}
        points = {EXPORTS: {"notes": f"{module}:NOTES"}}
        monkeypatch.syspath_prepend(put(tmp_path / "noting", "noting", files, points))
        known.formats.cache_clear()

    yield install
    known.formats.cache_clear()


def keys(settings: Any) -> tuple[str, str]:
    """Of `train` and `register`, whatever their inputs are."""
    given = Artifact(stage="", key="", digest="", facts={})

    def key(stage: Any) -> str:
        found: str = stage.key(settings, dict.fromkeys(stage.takes(settings), given)).digest()
        return found

    return key(train.declaration), key(register.declaration)


def test_a_package_adds_a_format_and_no_model_is_trained_again(install, tmp_path):
    before = keys(ClassifyTransformer())
    install()
    after = keys(ClassifyTransformer())
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert formats(context(ClassifyBert)) == ["huggingface", "notes"]
    assert formats(context(ClassifyBert, "register.formats=saved_model,notes")) == ["notes"]
    hooks = {
        "learner.complete": "builtins:id",
        "serve.export": f"{__name__}:saved",
    }
    given = context(ClassifyTransformer, out=tmp_path, **hooks)
    assert export(given, tmp_path) == {"notes": tmp_path / "notes"}
    assert (tmp_path / "notes" / "notes.txt").read_text() == f"{id(given)} transformer"
    assert (tmp_path / "saved_model" / "model").is_file()


def saved(context: BuildContext, model: Any, folder: Path) -> None:
    folder.mkdir()
    (folder / "model").touch()


def test_a_format_of_a_package_knows_which_models_it_writes(install):
    install(models="'encoder',")
    assert formats(context(NerBert)) == ["huggingface", "notes"]
    assert formats(context(ClassifyHub)) == []
    with pytest.raises(InputError, match="have no format notes; expected saved_model"):
        parse_settings(ClassifyHub, ["register.formats=saved_model,notes"])


def test_a_format_that_cannot_be_loaded_is_named_with_what_is_asked_for(install):
    install(code="raise OSError('disk')")
    with pytest.raises(InputError, match="got 'notes'") as caught:
        parse_settings(ClassifyBert, ["register.formats=saved_model,notes"])
    assert "of package noting cannot be loaded" in str(caught.value)
