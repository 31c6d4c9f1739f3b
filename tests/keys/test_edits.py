"""One place of a copy of the package is edited at a time: whose keys move?

An edit puts a statement that does nothing into a function or class.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nightloom
from nightloom.cache import project
from nightloom.cache.source import read
from nightloom.records.known import find_flow
from nightloom.settings.parse import parse_settings
from nightloom.tasks.adapt_tokenizer import adapt_tokenizer
from nightloom.tasks.align_labels import align_labels
from nightloom.tasks.check_data import check_data
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.draw_attentions import draw_attentions
from nightloom.tasks.encode import encode
from nightloom.tasks.evaluate import evaluate
from nightloom.tasks.extract_features import extract_features
from nightloom.tasks.fetch_checkpoint import fetch_checkpoint
from nightloom.tasks.register import register
from nightloom.tasks.train import train

EVERY = (download_dataset, check_data, adapt_tokenizer, train, evaluate, register)
TEXTS = (*EVERY, encode)
LEARNERS = {
    "transformer": ("classify-transformer", (), TEXTS),
    "bert": ("classify-bert", ("model.attentions=a",), (*TEXTS, fetch_checkpoint, draw_attentions)),
    "bert_head": (
        "classify-bert",
        ("model.trainable=head", "model.attentions=a"),
        (*TEXTS, fetch_checkpoint, extract_features, draw_attentions),
    ),
    "hub": ("classify-hub", ("model.trainable=all",), (*TEXTS, fetch_checkpoint)),
    "hub_head": (
        "classify-hub",
        ("model.trainable=head",),
        (*TEXTS, fetch_checkpoint, extract_features),
    ),
    "tagger": ("ner-bert", (), (*EVERY, fetch_checkpoint, align_labels)),
}
ENCODERS = {"bert", "tagger"}
Keys = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package."""
    target = tmp_path_factory.mktemp("copy") / "nightloom"
    own = Path(nightloom.__file__).parent
    shutil.copytree(own, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Keys]:
    """The keys of all stages of all families, as the copy stands."""
    checkpoint = tmp_path_factory.mktemp("checkpoint")
    (checkpoint / "config.json").write_text(json.dumps({"model_type": "bert"}))
    given = {"classify-bert": ("checkpoint",), "ner-bert": ("checkpoint",)}
    given["classify-hub"] = ("encoder", "preprocess")

    def settings_of(flow: str, more: tuple[str, ...]) -> Any:
        named = [f"model.{name}={checkpoint}" for name in given.get(flow, ())]
        return parse_settings(
            find_flow(flow).load_settings(), ["data.source=sample", *named, *more]
        )

    chosen = {name: settings_of(flow, more) for name, (flow, more, _) in LEARNERS.items()}

    def keys(only: str = "") -> Keys:
        found = {}
        for learner, (_, _, stages) in LEARNERS.items():
            settings = chosen[learner]
            for stage in stages:
                if only not in ("", stage.declaration.name):
                    continue
                inputs: Any = {
                    name: SimpleNamespace(digest="0" * 64, facts={})
                    for name in stage.declaration.takes(settings)
                }
                key = stage.declaration.key(settings, inputs)
                found[key.stage, learner] = key.digest()
        return found

    return keys


@pytest.fixture(scope="module")
def before(copy: Path, keys: Callable[..., Keys]) -> Keys:
    """The keys of the copy as it was made."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(project, "ROOT", copy)
        return keys()


@pytest.fixture
def moved(
    copy: Path, keys: Callable[..., Keys], before: Keys, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The learners whose keys move, by stage, when these places are edited."""
    monkeypatch.setattr(project, "ROOT", copy)
    originals: dict[Path, bytes] = {}

    def moved(*places: str, only: str = "") -> dict[str, set[str]]:
        for place in places:
            module, _, name = place.partition(":")
            path = project.file_of(module)
            assert path is not None, f"{module} is nowhere: name the place where it is now"
            originals.setdefault(path, path.read_bytes())
            _edit(path, module, name)
        found: dict[str, set[str]] = {}
        for (stage, learner), key in keys(only).items():
            if key != before[stage, learner]:
                found.setdefault(stage, set()).add(learner)
        return found

    yield moved
    for path, content in originals.items():
        path.write_bytes(content)


def _edit(path: Path, module: str, name: str) -> None:
    """Put a statement at the end of a definition, or of all of a module."""
    lines = path.read_text("utf-8").splitlines()
    wanted = [
        one.node
        for one in read(path, module).statements
        if hasattr(one.node, "body") and (not name or name in one.binds)
    ]
    assert wanted or not name, f"{module} has no {name}: name the place where it is now"
    for node in sorted(wanted, key=lambda one: one.lineno, reverse=True):
        last: Any = node.body[-1]  # type: ignore[attr-defined]
        lines.insert(last.end_lineno, f"{' ' * last.col_offset}edited = None")
    path.write_text("\n".join(lines) + "\n", "utf-8")


def room(name: str) -> list[str]:
    """All modules of a room, to be edited everywhere."""
    return list(project.modules_below(f"nightloom.{name}"))


SAYS = ("cli", "reporting", "masking", "errors", "progress", "home", "settings.spelling")
AROUND = (
    *("tasks.runtime", "flows", "deployments", "worker", "front"),
    *("on_import", "proxies", "user_folder"),
)


@pytest.mark.parametrize("rooms", [SAYS, AROUND], ids=["what-only-says", "what-runs-around"])
def test_what_says_something_or_runs_around_builders_moves_no_key(
    moved: Any, rooms: tuple[str, ...]
):
    assert moved(*(module for name in rooms for module in room(name))) == {}


TRAIN_NOTHING = {
    "an-export": ("nightloom.encoders.huggingface:export_sequence_classifier",),
    "a-format": ("nightloom.exports.huggingface", "nightloom.exports.huggingface:write"),
    "how-heads-are-written": ("nightloom.encoders.heads", "nightloom.encoders.averaging"),
    "the-export-to-tf-hub": ("nightloom.tfhub.export:export_hub",),
    "the-saved-model": ("nightloom.serving.classifier:export_classifier",),
    "the-gate": ("nightloom.gate.judging:judge",),
    "a-tokenizer": ("nightloom.text.pieces:adapt",),
    "a-download": ("nightloom.encoders.checkpoints:fetch_checkpoint",),
    "an-architecture": ("nightloom.encoders.architectures.albert:_refusal",),
    "how-checkpoints-are-read": ("nightloom.encoders.config:_Reader",),
    "a-plot": ("nightloom.evaluation.plots:plot_confusion",),
}


@pytest.mark.parametrize("places", TRAIN_NOTHING.values(), ids=TRAIN_NOTHING)
def test_what_training_does_not_reach_trains_nothing_again(moved: Any, places: tuple[str, ...]):
    found = moved(*places)
    assert found, "some stage runs it"
    assert "train" not in found


def test_an_export_registers_what_has_it_again_and_does_nothing_else(moved: Any):
    place = "nightloom.encoders.huggingface:export_sequence_classifier"
    assert moved(place) == {"register": {"bert", "bert_head", "tagger"}}


def test_another_architecture_trains_nothing_again(copy: Path, moved: Any):
    listed = copy / "encoders" / "architectures" / "__init__.py"
    content, added = listed.read_text("utf-8"), listed.with_name("another.py")
    line = "from nightloom.encoders.architectures.another import ANOTHER\n"
    added.write_text(
        "from nightloom.encoders.architecture import Architecture, TaskModels\n"
        "ANOTHER = Architecture(name='another', model_types=('another',), prefix='another.')\n"
        "TASK_MODELS = TaskModels(classes={'another': 'Another'}, inner='dense')\n"
    )
    listed.write_text(
        content.replace(
            "from nightloom.encoders.architectures.bert",
            line + "from nightloom.encoders.architectures.bert",
        )
    )
    try:
        found = moved()
    finally:
        added.unlink()
        listed.write_text(content, "utf-8")
    assert found == {
        "fetch_checkpoint": {"bert", "bert_head", "hub", "hub_head", "tagger"},
        "register": {"bert", "bert_head", "tagger"},
    }


def test_an_error_text_of_a_reader_downloads_its_data_alone(moved: Any):
    assert moved("nightloom.data.sources.hugging_face") == {}
    found = moved("nightloom.data.sources.sample")
    assert found == {"download_dataset": set(LEARNERS)}


@pytest.mark.parametrize(
    ("place", "learners"),
    [
        ("nightloom.encoders.attention:attend", ENCODERS),
        ("nightloom.encoders.layers:TransformerLayer", ENCODERS),
        ("nightloom.models.attention:self_attention", {"transformer"}),
        ("nightloom.tfhub.layer:SavedModelLayer", {"hub"}),
        ("nightloom.families.bert:create", {"bert"}),
        ("nightloom.families.tagger:layout", {"tagger"}),
        ("nightloom.families.head:describe", {"bert_head", "hub_head"}),
        ("nightloom.training.loop:Loop", set(LEARNERS)),
        ("nightloom.training.losses:cross_entropy", set(LEARNERS)),
        ("nightloom.stages.train:build", set(LEARNERS)),
    ],
    ids=lambda given: given.rpartition(".")[2].replace(":", "-") if isinstance(given, str) else "",
)
def test_what_training_reaches_trains_again_what_has_it(moved: Any, place: str, learners: set[str]):
    assert moved(place, only="train") == {"train": learners}


def test_features_move_with_the_encoder_that_gives_them(moved: Any):
    assert moved("nightloom.encoders.attention:attend", only="extract_features") == {
        "extract_features": {"bert_head"}
    }


def test_features_move_with_the_layer_of_a_module(moved: Any):
    assert moved("nightloom.tfhub.layer:SavedModelLayer", only="extract_features") == {
        "extract_features": {"hub_head"}
    }


def test_comments_texts_and_layout_move_nothing(copy: Path, moved: Any):
    before = {path: path.read_text("utf-8") for path in copy.rglob("*.py")}
    for path, text in before.items():
        path.write_text(f"# edited\n{text}\n\n'''edited'''\n", "utf-8")
    try:
        assert moved() == {}
    finally:
        for path, text in before.items():
            path.write_text(text, "utf-8")
