"""What a SavedModel from outside may do."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from nightloom.errors import InputError
from nightloom.families import hub
from nightloom.tfhub.operations import check_operations, draws
from tests.tfhub.conftest import Exported
from tests.tfhub.modules import HIDDEN, save_function
from tests.tfhub.tfhub_server import Listener

STRING = tf.TensorSpec([], tf.string)


def test_encoders_and_modules_with_vocabulary_files_pass(
    encoder_dir: Path, preprocess_dir: Path, fixed_dir: Path
) -> None:
    check_operations(encoder_dir)
    check_operations(preprocess_dir)
    assert list((preprocess_dir / "assets").iterdir())
    check_operations(fixed_dir)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("ReadFile", tf.io.read_file),
        ("WriteFile", lambda path: [tf.io.write_file(path, "x"), path][1]),
        ("MatchingFiles", tf.io.matching_files),
        ("EagerPyFunc", lambda path: tf.py_function(lambda x: x, [path], tf.string)),
        ("PrintV2", lambda path: [tf.print(path, output_stream="file:///tmp/x"), path][1]),
        ("RestoreV2", lambda path: tf.raw_ops.RestoreV2(
            prefix=path, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.string])[0]),
        ("TextLineDataset", lambda path: tf.data.TextLineDataset(path).reduce(
            "", lambda _, line: line)),
    ],
)  # fmt: skip
def test_operations_that_reach_outside_are_named(
    tmp_path: Path, name: str, function: object
) -> None:
    path = save_function(tmp_path / "module", function, STRING)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=rf"reach files, the network or Python \(.*{name}"):
        check_operations(path)


def test_an_operation_inside_a_branch_is_found(tmp_path: Path) -> None:
    def hidden(path: tf.Tensor) -> tf.Tensor:
        return tf.cond(tf.strings.length(path) > 3, lambda: tf.io.read_file(path), lambda: path)

    with pytest.raises(InputError, match="ReadFile"):
        check_operations(save_function(tmp_path / "module", hidden, STRING))


def test_assets_outside_the_folder_are_refused(preprocess_dir: Path, tmp_path: Path) -> None:
    model = saved_model_pb2.SavedModel.FromString((preprocess_dir / "saved_model.pb").read_bytes())
    assets = model.meta_graphs[0].asset_file_def
    assert len(assets) == 1
    for name in ("../../../etc/passwd", "/etc/passwd", "a/../../b", ""):
        assets[0].filename = name
        (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
        with pytest.raises(InputError, match="outside its folder of assets"):
            check_operations(tmp_path)


def test_files_that_are_no_saved_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found no saved_model.pb in"):
        check_operations(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(InputError, match="with a graph, found none"):
        check_operations(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x12\xff\xffgarbage")
    with pytest.raises(InputError, match="which is damaged"):
        check_operations(tmp_path)


def test_dropout_that_no_run_can_repeat_is_left_out_of_those_that_have_to(
    encoder_dir: Path, bert: Exported, tmp_path: Path
) -> None:
    assert draws(encoder_dir)
    assert not draws(bert.pair / "encoder")
    (tmp_path / "encoder").symlink_to(encoder_dir)
    told: dict[bool, list[str]] = {}
    ids = tf.ones([2, 40], tf.int32)
    for deterministic in (True, False):
        context: Any = SimpleNamespace(
            settings={
                "model": {"pooling": "pooler", "dropout": 0.0},
                "train": {"deterministic": deterministic},
            },
            inputs={"checkpoint": SimpleNamespace(path=tmp_path)},
            facts=lambda name, kind: kind.of({"hidden_size": HIDDEN, "label_names": ["a", "b"]}),
            report=Listener(),
        )
        model = hub.create(context)
        told[deterministic] = context.report.lines
        batch = {"ids": ids, "segments": ids, "positions": ids}
        once = model.logits(batch, seed=tf.constant(1, tf.uint32)).numpy()
        assert np.array_equal(once, model.logits(batch).numpy()) == deterministic
    assert "train.deterministic=false keeps it" in "".join(told[True])
    assert told[False] == []
