"""Preprocessing modules over batches of texts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from nightloom.errors import InputError
from nightloom.text.graph_tokenizer import load_fast
from nightloom.tfhub.preprocess import Preprocessor, preprocess_texts
from tests.tfhub.conftest import Exported
from tests.tfhub.modules import PIECES, save_function

TEXTS = ["The cat sat.", "", "unhappy dog on the mat, cat!", "zzz a a a a a a a a a a a a a a a"]


def ids(*pieces: str) -> list[int]:
    return [PIECES.index(piece) for piece in ("[CLS]", *pieces, "[SEP]")]


def lists(found: Any) -> list[list[int]]:
    return [row.tolist() for row in found]


def test_texts_become_ids_without_padding(preprocess_dir: Path) -> None:
    preprocessor = Preprocessor(preprocess_dir, max_length=8)
    found = preprocessor(TEXTS)
    assert all(row.dtype == np.int32 for row in found)
    assert lists(found) == [
        ids("the", "cat", "sat", "."),
        ids(),
        ids("un", "##happ", "##y", "dog", "on", "the"),
        ids("[UNK]", "a", "a", "a", "a", "a"),
    ]
    assert preprocessor([]) == []


@pytest.mark.parametrize("length", [3, 5, 30])
def test_modules_with_parts_give_the_length_that_is_asked_for(
    preprocess_dir: Path, length: int
) -> None:
    preprocessor = Preprocessor(preprocess_dir, max_length=length)
    assert preprocessor.length == length
    assert [len(row) for row in preprocessor(TEXTS)] == [
        min(length, size) for size in (6, 2, 12, 18)
    ]


@pytest.mark.parametrize("length", [3, 5, 11])
def test_modules_of_a_fixed_length_are_cut_behind_the_last_piece_that_fits(
    fixed_dir: Path, preprocess_dir: Path, length: int
) -> None:
    cut = Preprocessor(fixed_dir, max_length=length)
    assert cut.length == length
    assert lists(cut(TEXTS)) == lists(Preprocessor(preprocess_dir, max_length=length)(TEXTS))


def test_modules_of_a_fixed_length_do_not_give_more(fixed_dir: Path) -> None:
    said: list[str] = []

    class Listener:
        def progress(self, **facts: Any) -> None:
            said.append(f"{facts['what']} {facts['done']}/{facts['total']}")

        def log(self, message: str) -> None:
            said.append(message)

        warn = log

    found = list(preprocess_texts(fixed_dir, TEXTS, max_length=50, batch_size=3, report=Listener()))
    assert [len(row) for row in found] == [6, 2, 12, 12]
    assert "gives at most 12 tokens a text, less than the 50" in said[0]
    assert said[1:] == ["tokenize 3/4", "tokenize 4/4"]


def test_batches_of_any_size_give_the_same(bert: Exported) -> None:
    texts = [f"{text} {i}" for i in range(5) for text in TEXTS]
    module = bert.pair / "preprocess"
    found = lists(preprocess_texts(module, texts, max_length=9, batch_size=7))
    fast = load_fast(bert.checkpoint)
    assert found == fast(texts, truncation=True, max_length=9)["input_ids"]


def test_the_module_goes_into_a_graph_with_the_same_ids(bert: Exported, tmp_path: Path) -> None:
    preprocessor = Preprocessor(bert.pair / "preprocess", max_length=7)
    module = tf.Module()
    module.kept = preprocessor.module
    module.ids = tf.function(
        preprocessor.ragged, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    assert loaded.ids(tf.constant(TEXTS)).to_list() == lists(preprocessor(TEXTS))


def test_what_is_no_preprocessing_module_is_refused(tmp_path: Path, encoder_dir: Path) -> None:
    with pytest.raises(InputError, match="at least 3 tokens, got 2"):
        Preprocessor(encoder_dir, max_length=2)
    with pytest.raises(InputError, match="does not take strings"):
        Preprocessor(encoder_dir, max_length=8)
    strings = tf.TensorSpec([None], tf.string)
    lengths = save_function(tmp_path / "lengths", tf.strings.length, strings)
    with pytest.raises(InputError, match="to turn strings into input_word_ids and input_mask"):
        Preprocessor(lengths, max_length=8)

    def padding_on_the_left(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        mask = tf.sequence_mask(tf.strings.length(texts) + 1, 40, dtype=tf.int32)[:, ::-1]
        return {"input_word_ids": mask, "input_mask": mask}

    left = save_function(tmp_path / "left", padding_on_the_left, strings)
    with pytest.raises(InputError, match="tokens on the left and padding on the right"):
        Preprocessor(left, max_length=8)

    def second_type(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        mask = tf.sequence_mask(tf.strings.length(texts) + 1, 40, dtype=tf.int32)
        return {"input_word_ids": mask, "input_mask": mask, "input_type_ids": mask}

    typed = save_function(tmp_path / "typed", second_type, strings)
    with pytest.raises(InputError, match="give a single text the type 0"):
        Preprocessor(typed, max_length=8)
