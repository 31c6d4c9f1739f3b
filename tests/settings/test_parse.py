"""Settings from command line and file: the order of their say, and errors that help."""

from pathlib import Path
from typing import Any

import pytest

from nightloom.errors import InputError
from nightloom.settings.flows import (
    ClassifyBert,
    ClassifyHub,
    ClassifyTransformer,
    FlowSettings,
    NerBert,
)
from nightloom.settings.parse import names, parse_settings, validate

FLOWS: tuple[type[FlowSettings], ...] = (ClassifyTransformer, ClassifyBert, ClassifyHub, NerBert)


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "nightly.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("kind", FLOWS)
def test_nothing_given_is_the_default(kind: type[FlowSettings]) -> None:
    assert parse_settings(kind) == kind()


def test_command_line_wins_over_file_and_file_over_default(tmp_path: Path) -> None:
    config = write(
        tmp_path, "train: {epochs: 5, seed: 7}\ntrain.patience: 2\nregister.name: news\n"
    )
    read = parse_settings(ClassifyTransformer, ["train.epochs=9", "train.epochs=4"], config=config)
    assert (read.train.epochs, read.train.seed, read.train.patience) == (4, 7, 2)
    assert read.registry.name == "news"
    assert read.train.batch_size == ClassifyTransformer().train.batch_size


def test_a_group_of_one_flow_keeps_the_other_defaults_of_that_flow() -> None:
    given, default = parse_settings(NerBert, ["train.seed=5"]).train, NerBert().train
    assert given == default.model_copy(update={"seed": 5})
    assert given.learning_rate == 2e-5


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "train:\n", "\ufefftrain: {epochs: 3}\n", "---\n{}\n"]
)
def test_files_that_say_little(text: str, tmp_path: Path) -> None:
    read = parse_settings(ClassifyTransformer, config=write(tmp_path, text))
    assert read.model == ClassifyTransformer().model


def test_lists_and_none(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        "data: {source: d.csv, columns: [label, text], label_names: a b, text: text}\n"
        "train: {devices: [cpu:0, CPU:1], learning_rate: 1e-4, patience: null}\n",
    )
    config.write_text(config.read_text().replace("a b", "'a,b'"))
    read = parse_settings(
        ClassifyTransformer, ["data.limit=none", "train.clip_norm="], config=config
    )
    assert read.data.columns == ("label", "text")
    assert read.data.label_names == ("a", "b")  # type: ignore[union-attr]
    assert read.train.devices == ("cpu:0", "cpu:1")
    assert (read.data.limit, read.train.patience, read.train.clip_norm) == (None, None, None)
    assert read.train.learning_rate == 1e-4


def test_names_are_those_that_users_spell() -> None:
    known = names(ClassifyTransformer)
    assert "register.min_metric" in known
    assert not any(name.startswith("registry") for name in known)
    assert len(known) == len(set(known))


ASSIGNED: list[tuple[type[FlowSettings], str, str]] = [
    (ClassifyTransformer, "train.epoch=3", r"train.epoch; did you mean train.epochs\?"),
    (ClassifyTransformer, "trian.epochs=3", r"did you mean train.epochs\?"),
    (ClassifyTransformer, "epochs=3", r"epochs; did you mean train.epochs\?"),
    (ClassifyTransformer, "trainn=3", r"did you mean train\?"),
    (ClassifyTransformer, "registry.name=x", r"did you mean register.name\?"),
    (ClassifyTransformer, "register.foo=1", "unknown setting register.foo; register has name, met"),
    (ClassifyTransformer, "run.limits.nobody=1h", "run.limits has memory_gb, every_stage, down"),
    (ClassifyTransformer, "train.vocabulary_size=9", r"did you mean tokenizer.vocabulary_size\?"),
    (ClassifyTransformer, "qqq=3", "unknown setting qqq; `nightloom flows FLOW` lists"),
    (ClassifyTransformer, "model.pooling=cls", "unknown setting model.pooling"),
    (ClassifyTransformer, "train=3", "settings in group train, got train='3'; it has train.ep"),
    (ClassifyTransformer, "train.epochs", "expected SETTING=VALUE, got 'train.epochs'"),
    (ClassifyTransformer, "data.source =x", "'data.source =x'; without spaces, data.source=x$"),
    (ClassifyTransformer, "data.source", "got 'data.source'; without spaces, for example train"),
    (ClassifyTransformer, "tr\u0430in.epochs=3", r"'tr\\u0430in.epochs'; did you mean train.ep"),
    (ClassifyTransformer, "=3", "expected SETTING=VALUE"),
    (ClassifyTransformer, "", "expected SETTING=VALUE, got ''"),
    (
        ClassifyTransformer,
        "train.epochs=many",
        "train.epochs: expected a valid integer, got 'many'",
    ),
    (ClassifyTransformer, "train.epochs=2.5", "train.epochs: expected a valid integer"),
    (ClassifyTransformer, "train.epochs=", "train.epochs: expected a valid integer"),
    (ClassifyTransformer, "train.epochs=none", "train.epochs: expected a valid integer.*'none'"),
    (ClassifyTransformer, "train.epochs=0", "greater than or equal to 1, got '0'"),
    (ClassifyTransformer, "train.epochs=99999999999999999999", "less than or equal to 10000"),
    (ClassifyTransformer, "model.dropout=1", "model.dropout: expected less than 1, got '1'"),
    (ClassifyTransformer, "model.heads=-1", "model.heads: expected greater than or equal to 1"),
    (ClassifyTransformer, "train.learning_rate=nan", "finite number, got 'nan'"),
    (ClassifyTransformer, "train.learning_rate=1e999", "train.learning_rate: expected"),
    (ClassifyTransformer, "train.jit_compile=maybe", "expected true or false, got 'maybe'"),
    (ClassifyTransformer, "train.precision=float16", "expected 'auto', 'float32', .*got 'float16'"),
    (
        ClassifyTransformer,
        "train.devices=tpu",
        "expected auto, cpu, gpu, cpu:0 or gpu:0, got 'tpu'",
    ),
    (ClassifyTransformer, "train.devices=auto,cpu", "got 'auto'"),
    (ClassifyTransformer, "train.devices=", "at least one device"),
    (ClassifyTransformer, "train.devices=[cpu", "train.devices: expected a list such as a,b"),
    (
        ClassifyTransformer,
        "register.name=a/b",
        r"register.name: expected at most 100 letters .*, such as news-2, got 'a/b'",
    ),
    (ClassifyTransformer, "register.confidence=0.5", "register.confidence: expected greater than"),
    (ClassifyTransformer, "data.source=tdfs:ag_news", r"^data.source=tdfs:.*did you mean 'tfds:'"),
    (ClassifyTransformer, "data.text=a,,b", "data.text: .*none of them empty"),
    (ClassifyTransformer, "data.label=description", "data.label=description is also in data.text"),
    (ClassifyTransformer, "data.label_base=1", "data.label_base is the integer .*give both"),
    (ClassifyTransformer, "data.columns=label,text", "data.columns is for files without a header"),
    (ClassifyTransformer, "data.encoding=utf-9", "data.encoding=utf-9 is not a text encoding"),
    (ClassifyBert, "model.trainable=top:0", r"model.trainable: .*`top:N`.*got 'top:0'"),
    (ClassifyBert, "model.checkpoint= ", "model.checkpoint: expected a Hugging Face id"),
    (ClassifyHub, "model.trainable=top:2", "model.trainable: expected 'head' or 'all'"),
    (ClassifyHub, "tokenizer.vocabulary_size=9", "unknown setting tokenizer.vocabulary_size"),
    (NerBert, "data.label_names=a,b", "unknown setting data.label_names"),
    (NerBert, "data.scheme=iob3", "data.scheme: expected 'auto', .*got 'iob3'"),
    (NerBert, "data.source=tfds:conll", "tfds: has labelled texts only"),
]


def test_of_a_setting_that_is_given_twice_the_last_counts() -> None:
    again = ["train.epochs=3", "train.seed=1", "train.epochs=4"]
    assert parse_settings(ClassifyTransformer, again).train.epochs == 4


@pytest.mark.parametrize(("kind", "assignment", "words"), ASSIGNED)
def test_wrong_assignments(kind: type[FlowSettings], assignment: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse_settings(kind, [assignment])
    assert str(caught.value).isprintable()


FILES: list[tuple[str | bytes, str]] = [
    ("train: {epoch: 3}", r"unknown setting train.epoch; did you mean train.epochs\?"),
    ("trainn: {epochs: 3}", r"unknown setting trainn; did you mean train\?"),
    ("registry: {name: x}", r"nightly.yaml: unknown setting registry; did you mean register\?"),
    ("train: 3", "nightly.yaml: expected settings in group train, got 3; it has train.epochs"),
    ("train: [epochs]", r"group train, got \['epochs'\]"),
    ("train: {epochs: yes}", "train.epochs: expected a number, got True"),
    ("train: {epochs: '3x'}", "train.epochs: expected a valid integer"),
    ("train: {epochs: [3]}", r"train.epochs: expected a valid integer, got \[3\]"),
    ("train: {epochs: {a: 1}}", "train.epochs: expected a valid integer"),
    ("train: {learning_rate: .inf}", "finite number"),
    ("data: {label_names: [yes, no]}", "label_names.0: expected text, got True, .*; quote it"),
    ("data: {text: {a: b}}", "data.text: expected a list"),
    ("train: {1: 2}", "expected names of settings, got 1"),
    ("1: 2", "expected names of settings in .*nightly.yaml, got 1"),
    ("- train", "expected groups of settings in .*got"),
    ("just text", "expected groups of settings in .*got 'just text'"),
    ("train: {epochs: 1}\ntrain: {seed: 2}", "'train' is set twice"),
    ("train: {epochs: 1, epochs: 2}", "'epochs' is set twice"),
    ("train.epochs: 1\ntrain: {epochs: 2}", "train.epochs is set twice; keep one"),
    ("train: 3\ntrain.epochs: 1", "nightly.yaml: train is set twice"),
    ("train: {epochs: 3", "expected YAML in UTF-8 in .*nightly.yaml, got"),
    ("train: {epochs: !!int x}", "expected YAML in UTF-8"),
    ("train: {epochs: !!bool x}", "expected YAML in UTF-8"),
    ("train: {seed: 2020-13-40}", "expected YAML in UTF-8"),
    ("train: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ("data: {text: " + "[" * 2000 + "]" * 2000 + "}", "nightly.yaml|lists within lists"),
    ("data: {text: &a [*a]}", "data.text.0: expected text, got"),
    (b"\xff\xfe\x00", "expected YAML in UTF-8"),
    (b"train: \x00", "expected YAML in UTF-8"),
]


@pytest.mark.parametrize(("text", "words"), FILES, ids=range(len(FILES)))
def test_wrong_files(text: str | bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse_settings(ClassifyTransformer, config=write(tmp_path, text))
    message = str(caught.value)
    assert message.isprintable()
    assert len(message.replace(str(tmp_path), "")) < 700


def test_aliases_that_multiply_do_not_blow_up(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    lines.append("data: {text: *a29, limit: *a29, label: *a29}")
    with pytest.raises(InputError, match="unknown setting a0") as caught:
        parse_settings(ClassifyTransformer, config=write(tmp_path, "\n".join(lines)))
    assert len(str(caught.value)) < 10_000
    items = [f"  - {line[line.index('&') :]}" for line in lines[:-1]]
    inside = "\n".join(["data:", "  text:", *items])
    with pytest.raises(InputError, match="data.text.0: expected text"):
        parse_settings(ClassifyTransformer, config=write(tmp_path, inside))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the settings file .*No such file"):
        parse_settings(ClassifyTransformer, config=tmp_path / "none.yaml")
    with pytest.raises(InputError, match="cannot read the settings file .*Is a directory"):
        parse_settings(ClassifyTransformer, config=tmp_path)


def test_every_wrong_setting_is_named() -> None:
    with pytest.raises(InputError) as caught:
        parse_settings(ClassifyTransformer, ["train.epochs=x", "model.dropout=2", "data.limit=0"])
    message = str(caught.value)
    assert all(name in message for name in ("train.epochs", "model.dropout", "data.limit"))
    assert "\n" not in message


def test_control_characters_of_a_value_do_not_reach_the_terminal() -> None:
    for assignment in ("data.source=tdfs:\x1b[31m\n", "tr\x1bain.epochs=3", "x\ny", "train=\x07"):
        with pytest.raises(InputError) as caught:
            parse_settings(ClassifyTransformer, [assignment])
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("values", [{"data": None}, {"data": 3}, {"train": {"epochs": None}}])
def test_wrong_trees(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        validate(ClassifyTransformer, values)


def test_windows_have_a_quarter_in_common_and_never_all() -> None:
    overlap = [
        parse_settings(NerBert, given).model.overlap
        for given in ([], ["model.length=24"], ["model.length=24", "model.overlap=8"])
    ]
    assert overlap == [32, 6, 8]
    with pytest.raises(InputError, match="model.overlap=24: expected less than model.length=24"):
        parse_settings(NerBert, ["model.length=24", "model.overlap=24"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label_names: [YES, NO]", 'label_names.1: expected text, got False.*quote it, as in "NO"'),
        (
            "label_names: [a, on]",
            r"label_names.1: expected text, got True.* \(in any case\); quote",
        ),
        ("label_names: NO", "label_names: expected text, got False"),
        ("text: [subject, 2024]", "text.1: expected text, got the number 2024; quote the value"),
        ("label: 2024-01-01", "label: expected text, got the date 2024-01-01; quote the value"),
        (
            "label_names: [NULL, b]",
            "names.0: expected text, got nothing, .* null and ~; quote",
        ),
        ("encoding: 1252", "encoding: expected text, got the number 1252; quote the value"),
    ],
)
def test_what_yaml_takes_for_something_else_is_to_be_quoted(
    text: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        parse_settings(ClassifyTransformer, config=write(tmp_path, f"data: {{{text}}}"))


def test_what_is_quoted_is_a_class(tmp_path: Path) -> None:
    config = write(tmp_path, 'data: {label_names: ["YES", "NO"], label: "3"}')
    read = parse_settings(ClassifyTransformer, config=config)
    assert read.data.label_names == ("YES", "NO")
