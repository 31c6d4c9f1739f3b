"""Initial weights follow from the seed, whatever other threads of the process draw."""

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

from nightloom.encoders.config import EncoderConfig
from nightloom.encoders.encoder import Encoder
from nightloom.encoders.initial import next_seed, starting_from
from nightloom.models.contract import state
from nightloom.models.head import ClassificationHead
from nightloom.models.transformer import TransformerClassifier
from nightloom.settings.model import TransformerSettings

CONFIG = EncoderConfig(
    family="bert",
    vocab_size=40,
    embedding_size=12,
    hidden_size=12,
    layers=2,
    heads=3,
    intermediate_size=20,
    activation="gelu",
    max_positions=64,
    position_offset=0,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    projects=False,
    dropout=0.1,
    attention_dropout=0.1,
    shared_layers=False,
    pad_id=0,
)
MODELS: dict[str, Callable[[], Any]] = {
    "head": lambda: ClassificationHead(size=12, classes=3, rate=0.1),
    "transformer": lambda: TransformerClassifier(
        TransformerSettings(length=16, width=8, depth=4), vocabulary=30, classes=3
    ),
    "encoder": lambda: Encoder(CONFIG, with_pooler=True, name="encoder"),
}


@pytest.fixture
def drawn_elsewhere() -> Iterator[None]:
    """A thread that draws from the process's `random` all the time."""
    over = threading.Event()

    def draw() -> None:
        while not over.is_set():
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    yield
    over.set()
    thread.join()


def made(name: str, seed: int) -> dict[str, np.ndarray]:
    with starting_from(seed):
        return state(MODELS[name]())


@pytest.mark.usefixtures("drawn_elsewhere")
@pytest.mark.parametrize("name", sorted(MODELS))
def test_models_of_one_seed_start_equal_while_another_thread_draws(name):
    one, two, other = made(name, 1), made(name, 1), made(name, 2)
    assert one.keys() == two.keys()
    for path, value in one.items():
        np.testing.assert_array_equal(value, two[path], err_msg=path)
    assert any((value != other[path]).any() for path, value in one.items())


def test_the_weights_are_those_of_keras_own_seeds():
    """So versions that were trained before are trained again to the same weights."""
    keras_own = random.Random(3)
    kernel = made("head", 3)["head/kernel"]
    start = keras.initializers.TruncatedNormal(stddev=0.02, seed=keras_own.randint(1, 10**9))
    np.testing.assert_array_equal(kernel, start((12, 3)))


def test_seeds_end_with_their_block():
    assert next_seed() is None
    with starting_from(1):
        first = next_seed()
        with starting_from(1):
            assert next_seed() == first
        assert next_seed() != first
    assert next_seed() is None
