import keras
import pytest

from lrsearch.training.keras.compiled.routing import reason_against_compiling
from lrsearch.training.keras.compiled.stacking import has_convolutions, reason_against_stacking
from lrsearch.training.optimizer_table import OPTIMIZERS

pytestmark = pytest.mark.tensorflow


def sequential(*layers, shape=(8, 8, 1)):
    return keras.Sequential([keras.Input(shape), *layers, keras.layers.Flatten(), keras.layers.Dense(2)])


class Contrary(keras.Model):
    def train_step(self, data):
        return {}


def test_ordinary_models_are_compiled():
    entry = keras.Input((3,))
    assert reason_against_compiling(sequential()) is None
    assert reason_against_compiling(keras.Model(entry, keras.layers.Dense(2)(entry))) is None


def test_a_model_with_its_own_train_step_is_left_to_fit_and_the_reason_names_it():
    entry = keras.Input((3,))
    assert "Contrary has its own train_step" == reason_against_compiling(Contrary(entry, keras.layers.Dense(2)(entry)))


def test_a_model_of_two_outputs_is_left_to_fit():
    entry = keras.Input((3,))
    model = keras.Model(entry, [keras.layers.Dense(2)(entry), keras.layers.Dense(1)(entry)])
    assert "one output" in reason_against_compiling(model)


def test_another_dtype_policy_is_left_to_fit():
    model = sequential()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert "mixed_bfloat16" in reason_against_compiling(model)
    finally:
        keras.config.set_dtype_policy("float32")


def test_dense_models_may_be_stacked_and_convolutions_may_not():
    row = OPTIMIZERS["adam"]
    dense, convolution = sequential(keras.layers.BatchNormalization()), sequential(keras.layers.Conv2D(2, 3))
    assert reason_against_stacking(dense, row) is None
    assert "Conv2D" in reason_against_stacking(convolution, row)
    assert (False, True) == (has_convolutions(dense), has_convolutions(convolution))


def test_random_layers_other_than_dropout_are_not_stacked():
    assert "GaussianNoise" in reason_against_stacking(sequential(keras.layers.GaussianNoise(0.1)), OPTIMIZERS["adam"])
