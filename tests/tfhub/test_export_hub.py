"""A checkpoint written as a pair of TF Hub modules."""

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub
import torch
from click.testing import CliRunner

from nightloom.cli.export_hub import export_hub as command
from nightloom.errors import InputError
from nightloom.text.graph_tokenizer import load_fast
from nightloom.tfhub.export import export_hub
from nightloom.tfhub.operations import check_operations
from tests.tfhub.conftest import FAMILIES, LENGTH, Exported

PLAIN = ("bert", "roberta", "albert")
TEXTS = [
    "the cat sat on the mat",
    "",
    "a very OLD dog, and the new  café 👍 don't",
    "the " * 40,
    "x",
]


def fast_inputs(checkpoint: Path, texts: list[str], length: int = LENGTH) -> dict[str, np.ndarray]:
    """What the pair's preprocessing must give, by the fast tokenizer."""
    fast = load_fast(checkpoint)
    encoded = fast(texts, padding="max_length", truncation=True, max_length=length)
    ids, mask = np.array(encoded["input_ids"]), np.array(encoded["attention_mask"])
    return {"input_word_ids": ids, "input_mask": mask, "input_type_ids": np.zeros_like(ids)}


def torch_outputs(model: Any, inputs: dict[str, np.ndarray]) -> Any:
    """The PyTorch model's answer to the same inputs."""
    with torch.no_grad():
        return model(
            input_ids=torch.tensor(inputs["input_word_ids"]),
            attention_mask=torch.tensor(inputs["input_mask"]),
            output_hidden_states=True,
        )


def digests(directory: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_the_pair_gives_the_ids_of_the_fast_tokenizer(
    all_exported: dict[str, Exported], family: str
) -> None:
    checkpoint, _, pair = all_exported[family]
    given = tensorflow_hub.load(str(pair / "preprocess"))(tf.constant(TEXTS))
    for name, expected in fast_inputs(checkpoint, TEXTS).items():
        assert given[name].dtype == tf.int32
        np.testing.assert_array_equal(given[name].numpy(), expected, err_msg=name)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_pair_gives_the_numbers_of_the_checkpoint(
    all_exported: dict[str, Exported], family: str
) -> None:
    checkpoint, model, pair = all_exported[family]
    inputs = fast_inputs(checkpoint, TEXTS)
    given = tensorflow_hub.load(str(pair / "encoder"))(
        {name: tf.constant(part, tf.int32) for name, part in inputs.items()}
    )
    expected = torch_outputs(model, inputs)
    real = inputs["input_mask"] > 0

    def check(ours: tf.Tensor, theirs: torch.Tensor) -> None:
        np.testing.assert_allclose(ours.numpy()[real], theirs.numpy()[real], atol=1e-4)

    check(given["sequence_output"], expected.last_hidden_state)
    assert len(given["encoder_outputs"]) == len(expected.hidden_states) - 1
    for ours, theirs in zip(given["encoder_outputs"], expected.hidden_states[1:], strict=True):
        check(ours, theirs)
    pooled = getattr(expected, "pooler_output", None)
    pooled = expected.last_hidden_state[:, 0] if pooled is None else pooled
    np.testing.assert_allclose(given["pooled_output"].numpy(), pooled.numpy(), atol=1e-4)
    np.testing.assert_array_equal(given["default"].numpy(), given["pooled_output"].numpy())


def test_types_of_a_second_segment_count(bert: Exported) -> None:
    encoder = tensorflow_hub.load(str(bert.pair / "encoder"))
    inputs = fast_inputs(bert.checkpoint, TEXTS[:1], 8)
    inputs["input_type_ids"][:, 4:] = 1
    given = encoder({name: tf.constant(part, tf.int32) for name, part in inputs.items()})
    with torch.no_grad():
        expected = bert.model(
            torch.tensor(inputs["input_word_ids"]),
            token_type_ids=torch.tensor(inputs["input_type_ids"]),
        )
    np.testing.assert_allclose(
        given["sequence_output"].numpy(), expected.last_hidden_state.numpy(), atol=1e-4
    )


def test_parts_of_the_preprocessing_give_any_length_and_two_segments(bert: Exported) -> None:
    module = tensorflow_hub.load(str(bert.pair / "preprocess"))
    fast = load_fast(bert.checkpoint)
    pieces = module.tokenize(tf.constant(TEXTS))
    assert pieces.to_list() == fast(TEXTS, add_special_tokens=False)["input_ids"]
    for length in (5, 30):
        given = module.bert_pack_inputs([pieces], seq_length=tf.constant(length))
        expected = fast_inputs(bert.checkpoint, TEXTS, length)
        np.testing.assert_array_equal(given["input_word_ids"].numpy(), expected["input_word_ids"])
    others = TEXTS[::-1]
    given = module.bert_pack_inputs([pieces, module.tokenize(tf.constant(others))])
    pairs = fast(TEXTS, others, padding="max_length", truncation=True, max_length=LENGTH)
    names = {"input_word_ids": "input_ids", "input_type_ids": "token_type_ids"}
    short = [0, 1, 4]  # the others are cut, each text to what is left of its half
    for ours, theirs in names.items():
        np.testing.assert_array_equal(given[ours].numpy()[short], np.array(pairs[theirs])[short])
    assert (given["input_mask"].numpy()[[2, 3]].sum(axis=1) == LENGTH).all()


PROCESS = """
import json, sys
import tensorflow as tf
# of the process, not of the model
tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
given = json.loads(sys.argv[1])
for pair in given["pairs"]:
    ids = tf.saved_model.load(pair + "/preprocess")(tf.constant(given["texts"]))
    print(tf.saved_model.load(pair + "/encoder")(ids)["pooled_output"].numpy().tolist())
assert not any(name.startswith(("nightloom", "tensorflow_text")) for name in sys.modules)
from nightloom.tfhub.export import export_hub
export_hub(given["checkpoint"], given["out"], seq_length=given["length"])
"""


@pytest.fixture(scope="module")
def elsewhere(
    all_exported: dict[str, Exported], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[np.ndarray], Path]:
    """Another process: what it computes with pairs, TensorFlow alone, and a pair it writes."""
    out = tmp_path_factory.mktemp("elsewhere") / "pair"
    given = {
        "pairs": [str(all_exported[family].pair) for family in PLAIN],
        "texts": TEXTS,
        "checkpoint": str(all_exported["roberta"].checkpoint),
        "out": str(out),
        "length": LENGTH,
    }
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, json.dumps(given)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [np.array(json.loads(line)) for line in done.stdout.splitlines()], out


def test_another_process_writes_the_same_bytes(
    all_exported: dict[str, Exported], elsewhere: tuple[list[np.ndarray], Path]
) -> None:
    assert digests(elsewhere[1]) == digests(all_exported["roberta"].pair)


def test_pairs_run_in_a_process_with_tensorflow_alone(
    all_exported: dict[str, Exported], elsewhere: tuple[list[np.ndarray], Path]
) -> None:
    for family, given in zip(PLAIN, elsewhere[0], strict=True):
        checkpoint, model, _ = all_exported[family]
        expected = torch_outputs(model, fast_inputs(checkpoint, TEXTS)).pooler_output
        np.testing.assert_allclose(given, expected.numpy(), atol=1e-4)


def test_the_pair_passes_the_check_of_operations(all_exported: dict[str, Exported]) -> None:
    for part in all_exported.values():
        check_operations(part.pair / "encoder")
        check_operations(part.pair / "preprocess")


def test_nothing_is_written_over(bert: Exported) -> None:
    with pytest.raises(InputError, match="expected no folder yet at .*preprocess"):
        export_hub(bert.checkpoint, bert.pair)


def test_a_link_to_an_empty_folder_is_filled_and_its_rights_stay(
    bert: Exported, tmp_path: Path
) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir(mode=0o750)
    link.symlink_to(folder, target_is_directory=True)
    done = CliRunner().invoke(command, [str(bert.checkpoint), str(link), "--length", "16"])
    assert done.exit_code == 0, done.exception
    assert link.is_symlink()
    assert {one.name for one in folder.iterdir()} == {"encoder", "preprocess"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_more_tokens_than_positions_are_refused(bert: Exported, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at most 64, the positions of .*, got 65"):
        export_hub(bert.checkpoint, tmp_path / "pair", seq_length=65)
    assert not (tmp_path / "pair").exists()
