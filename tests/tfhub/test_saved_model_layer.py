"""SavedModels as layers of Keras 3 models."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from nightloom.errors import InputError
from nightloom.tfhub.layer import SavedModelLayer, load_saved_model
from tests.determinism import any_determinism
from tests.tfhub.conftest import Exported
from tests.tfhub.modules import save_function

__all__ = ["any_determinism"]

INPUTS = {
    "input_word_ids": tf.constant([[2, 4, 5, 3, 0], [2, 9, 3, 0, 0]]),
    "input_mask": tf.constant([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]]),
    "input_type_ids": tf.zeros([2, 5], tf.int32),
}
LABELS = tf.constant([0, 2])


class Classifier(keras.Model):
    """An encoder and a head, as a model family has them."""

    def __init__(self, directory: Path, *, trainable: bool = True, **options: Any) -> None:
        super().__init__()
        self.encoder = SavedModelLayer(directory, trainable=trainable, name="encoder", **options)
        self.head = keras.layers.Dense(3, name="head", dtype="float32")

    def call(self, inputs: Any, training: bool = False, seed: Any = None) -> tf.Tensor:
        outputs = self.encoder(inputs, training=training, seed=seed)
        return self.head(outputs["pooled_output"])


@pytest.fixture(scope="module")
def shared(bert: Exported) -> Classifier:
    """A classifier that no test changes."""
    model = Classifier(bert.pair / "encoder")
    model(INPUTS)
    return model


def loss_and_gradients(model: Classifier, **options: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
    with tf.GradientTape() as tape:
        logits = model(INPUTS, **options)
        loss = keras.losses.sparse_categorical_crossentropy(LABELS, logits, from_logits=True)
    variables = [variable.value for variable in model.trainable_variables]
    return tf.reduce_mean(loss), tape.gradient(loss, variables)


def test_gradients_reach_every_weight(bert: Exported, shared: Classifier) -> None:
    model = shared
    weights = model.encoder.trainable_variables
    assert len(weights) == sum(1 for _ in bert.model.parameters()) - 2 * 2 * 2  # q, k, v are one
    _, gradients = loss_and_gradients(model, training=True, seed=tf.constant(1))
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert float(tf.reduce_max(tf.abs(tf.convert_to_tensor(gradient)))) > 0, variable.path


def test_training_changes_every_weight_and_lowers_the_loss(bert: Exported) -> None:
    model = Classifier(bert.pair / "encoder")
    model(INPUTS)
    before = [np.array(weight) for weight in model.encoder.trainable_variables]
    optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.0)
    losses = []
    for _ in range(3):
        loss, gradients = loss_and_gradients(model)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    for old, weight in zip(before, model.encoder.trainable_variables, strict=True):
        assert not np.array_equal(old, np.array(weight)), weight.path
    assert model.encoder.trainable_variables[0].value is model.encoder.module.variables[0]


def test_a_frozen_layer_leaves_only_the_head_to_train(bert: Exported) -> None:
    frozen = Classifier(bert.pair / "encoder", trainable=False)
    frozen(INPUTS)
    assert [variable.path for variable in frozen.trainable_variables] == [
        variable.path for variable in frozen.head.variables
    ]
    _, gradients = loss_and_gradients(frozen)
    assert len(gradients) == 2
    switched = Classifier(bert.pair / "encoder")
    switched(INPUTS)
    switched.encoder.trainable = False
    assert len(switched.trainable_variables) == 2
    assert len(switched.encoder.non_trainable_variables) == len(switched.encoder.variables)


def test_weights_have_stable_different_names(bert: Exported, encoder_dir: Path) -> None:
    layer = SavedModelLayer(encoder_dir, name="encoder")
    assert [variable.path for variable in layer.variables] == [
        "encoder/words.table",
        "encoder/scale",
        "encoder/steps",
        "encoder/scale_2",
    ]
    assert [variable.path for variable in layer.trainable_variables] == [
        "encoder/words.table",
        "encoder/scale",
    ]
    first, second = (SavedModelLayer(bert.pair / "encoder", name="e").variables for _ in range(2))
    paths = [variable.path for variable in first]
    assert paths == [variable.path for variable in second]
    assert len(set(paths)) == len(paths)


def test_training_is_passed_on(encoder_dir: Path) -> None:
    layer = SavedModelLayer(encoder_dir)
    still = layer(INPUTS)["sequence_output"].numpy()
    np.testing.assert_array_equal(layer(INPUTS, training=False)["sequence_output"], still)
    dropped = layer(INPUTS, training=True)["sequence_output"].numpy()
    assert (dropped[still != 0] == 0).any()
    assert int(layer.module.steps if hasattr(layer.module, "steps") else layer.variables[2]) == 1


def test_without_seed_dropout_differs_from_call_to_call(shared: Classifier) -> None:
    one, two = (shared.encoder(INPUTS, training=True)["pooled_output"].numpy() for _ in range(2))
    assert not np.array_equal(one, two)


def test_a_seed_alone_decides_what_is_dropped(shared: Classifier, encoder_dir: Path) -> None:
    layer = shared.encoder
    assert layer.seeded
    counter = int(layer.module.variables[-1])

    def run(seed: int, training: bool = True) -> np.ndarray:
        outputs = layer(INPUTS, training=training, seed=tf.constant(seed))
        return outputs["sequence_output"].numpy()

    first = run(1)
    assert not np.array_equal(first, run(2))
    np.testing.assert_array_equal(first, run(1))
    np.testing.assert_array_equal(run(1, training=False), run(2, training=False))
    assert int(layer.module.variables[-1]) == counter  # the module's own is not used
    assert not SavedModelLayer(encoder_dir).seeded


def test_the_numbers_are_those_of_the_saved_model_at_any_width(
    bert: Exported, shared: Classifier
) -> None:
    layer = shared.encoder
    module = load_saved_model(bert.pair / "encoder")
    for width in (4, 5, 30):
        wide = [[0, 0], [0, max(0, width - 5)]]
        inputs = {name: tf.pad(part[:, :width], wide) for name, part in INPUTS.items()}
        for name in ("pooled_output", "sequence_output"):
            np.testing.assert_array_equal(layer(inputs)[name], module(inputs)[name])


def test_under_mixed_precision_only_the_results_are_narrow(
    bert: Exported, shared: Classifier
) -> None:
    model = Classifier(bert.pair / "encoder", dtype="mixed_bfloat16")
    outputs = model.encoder(INPUTS)
    assert outputs["pooled_output"].dtype == tf.bfloat16
    assert all(variable.dtype in ("float32", "int32") for variable in model.encoder.variables)
    expected = tf.cast(shared.encoder(INPUTS)["pooled_output"], tf.bfloat16)
    assert tf.reduce_all(outputs["pooled_output"] == expected)
    model(INPUTS)
    _, gradients = loss_and_gradients(model)
    assert all(gradient is not None for gradient in gradients)


def test_xla_compiles_an_exported_encoder(shared: Classifier) -> None:
    model = shared
    plain, _ = loss_and_gradients(model, training=True, seed=tf.constant(3))

    @tf.function(jit_compile=True)
    def step(seed: tf.Tensor) -> Any:
        loss, gradients = loss_and_gradients(model, training=True, seed=seed)
        return loss, [tf.reduce_sum(tf.convert_to_tensor(gradient)) for gradient in gradients]

    loss, sums = step(tf.constant(3))
    np.testing.assert_allclose(loss, plain, rtol=1e-4)
    assert np.isfinite([float(part) for part in sums]).all()


def test_a_model_around_it_is_exported_with_the_same_numbers(
    bert: Exported, tmp_path: Path
) -> None:
    model = Classifier(bert.pair / "encoder")
    optimizer = keras.optimizers.SGD(0.1)
    model(INPUTS)
    _, gradients = loss_and_gradients(model)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    expected = model(INPUTS).numpy()

    spec = dict.fromkeys(INPUTS, tf.TensorSpec([None, None], tf.int32))
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.logits = tf.function(lambda inputs: model(inputs), input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(loaded.logits(INPUTS), expected, atol=1e-6)


def test_inputs_are_cast_to_what_the_model_asks_for(encoder_dir: Path) -> None:
    layer = SavedModelLayer(encoder_dir)
    wide = {name: tf.cast(part, tf.int64) for name, part in INPUTS.items()}
    np.testing.assert_array_equal(layer(wide)["default"], layer(INPUTS)["default"])


def test_a_call_without_training_is_hosted(tmp_path: Path) -> None:
    path = save_function(
        tmp_path / "doubling", lambda values: 2.0 * values, tf.TensorSpec([None], tf.float32)
    )
    layer = SavedModelLayer(path)
    assert layer(tf.constant([1.0, 2.0]), training=True).numpy().tolist() == [2.0, 4.0]
    assert layer.variables == []


def test_what_cannot_be_hosted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found no saved_model.pb in .*nothing"):
        SavedModelLayer(tmp_path / "nothing")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_bytes(b"\x0a\xffgarbage")
    with pytest.raises(InputError, match="broken cannot be loaded"):
        load_saved_model(tmp_path / "broken")
    tf.saved_model.save(tf.Module(), str(tmp_path / "mute"))
    with pytest.raises(InputError, match="mute cannot be called; expected a reusable TF2"):
        load_saved_model(tmp_path / "mute")
