import random

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def weights():
    from lrsearch.training.keras import weights

    return weights


def build(compiled="adam", units=(16, 16)):
    from lrsearch.training.keras import models

    model = models.tabular_mlp((6,), 3, "classification", units=list(units), batch_norm=True, dropout=0.5)
    if compiled:
        model.compile(
            optimizer=compiled, loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
        )
        model.optimizer.build(model.trainable_variables)
    return model


BATCH = (np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32), np.arange(20) % 3)


def train(model, batches=3):
    return [float(model.train_on_batch(*BATCH, return_dict=True)["loss"]) for _ in range(batches)]


def assert_equal(expected, actual):
    assert len(expected) == len(actual)
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_models_of_one_build_have_the_same_weights_under_one_seed(weights):
    assert_equal(weights.initial_weights(build(), 7), weights.initial_weights(build(), 7))


def test_seeds_and_layers_differ(weights):
    model = build()
    one, other = weights.initial_weights(model, 1), weights.initial_weights(model, 2)
    assert not np.array_equal(one[0], other[0])
    shapes = [value.shape for value in one]
    square = [value for value, shape in zip(one, shapes, strict=True) if shape == (16, 16)]
    assert len(square) == 1
    model = build(units=(16, 16, 16))
    second, third = [value for value in weights.initial_weights(model, 1) if value.shape == (16, 16)]
    assert not np.array_equal(second, third)


def test_weights_have_the_spread_of_the_layer_s_initialiser(weights):
    kernel = weights.initial_weights(build(units=(2_000,)), 0)[0]
    limit = np.sqrt(6 / 6)  # he_uniform with six inputs
    assert limit == pytest.approx(np.abs(kernel).max(), rel=0.01)
    assert limit / np.sqrt(3) == pytest.approx(kernel.std(), rel=0.02)


def test_biases_and_statistics_start_as_keras_starts_them(weights):
    model = build()
    fresh = {v.path: np.array(v.numpy()) for v in model.weights}
    drawn = dict(zip(fresh, weights.initial_weights(model, 0), strict=True))
    plain = [path for path in fresh if "kernel" not in path]
    assert len(plain) == 11
    assert_equal([fresh[path] for path in plain], [drawn[path] for path in plain])


def test_drawing_leaves_the_process_random_state_alone(weights):
    import keras

    before = random.getstate()
    model = build()
    with weights.deterministic_build():
        build()
    random.setstate(before)
    with weights.deterministic_build():
        build()
    weights.initial_weights(model, 3)
    assert before == random.getstate()
    assert keras.config.floatx() == "float32"


def test_a_reset_model_trains_like_a_new_one(weights):
    model, other = build(), build()
    weights.reset(model, 5)
    first = train(model)
    train(model, 5)
    weights.reset(model, 5)
    assert first == train(model)
    weights.reset(other, 5)
    assert first == train(other)


@pytest.mark.parametrize("optimizer", ["schedule_free_adamw", "nadam", "adagrad", "ftrl"])
def test_a_reset_optimizer_has_the_slots_of_a_new_one(weights, optimizer):
    import keras

    names = {"schedule_free_adamw": "ScheduleFreeAdamW", "nadam": "Nadam", "adagrad": "Adagrad", "ftrl": "Ftrl"}
    model = build(getattr(keras.optimizers, names[optimizer])())
    weights.reset(model, 1)
    train(model, 2)
    weights.reset(model, 1)
    fresh = getattr(keras.optimizers, names[optimizer])()
    fresh.build(model.trainable_variables)
    assert_equal([v.numpy() for v in fresh.variables], [v.numpy() for v in model.optimizer.variables])


def test_dropout_masks_follow_the_seed(weights):
    model = build()
    states = weights.initial_seed_states(model, 1)
    assert 2 == len(states) == len(weights.seed_states(model))
    assert not np.array_equal(states[0], states[1])
    assert not np.array_equal(states[0], weights.initial_seed_states(model, 2)[0])


def test_a_snapshot_brings_everything_back(weights):
    model = build()
    weights.reset(model, 0)
    train(model)
    saved = weights.snapshot(model)
    expected, after = train(model), weights.snapshot(model)
    weights.restore(model, saved)
    assert_equal(list(saved.values()), list(weights.snapshot(model).values()))
    assert expected == train(model)
    assert_equal(list(after.values()), list(weights.snapshot(model).values()))


def test_a_snapshot_is_a_copy(weights):
    model = build()
    saved = weights.snapshot(model)
    before = saved["model/0"].copy()
    train(model)
    np.testing.assert_array_equal(before, saved["model/0"])
    assert not np.array_equal(before, weights.snapshot(model)["model/0"])


def test_a_snapshot_goes_into_another_instance_of_the_model(weights):
    model, other = build(), build()
    weights.reset(model, 0)
    train(model)
    weights.restore(other, weights.snapshot(model))
    assert train(model) == train(other)


def test_a_snapshot_of_another_model_is_refused(weights):
    with pytest.raises(ValueError, match="variables of this model"):
        weights.restore(build(), weights.snapshot(build(units=(3,))))


def custom_layer():
    import keras

    class Scale(keras.layers.Layer):
        """A layer as people write them: its initialiser is not kept."""

        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="random_normal")

        def call(self, x):
            return x * self.scale

    return keras.Sequential([keras.Input((4,)), Scale(), keras.layers.Dense(2)])


def test_layers_that_keep_no_initialiser_are_drawn_by_building_anew(weights):
    model = custom_layer()
    first, again, other = (weights.initial_weights(model, seed, custom_layer) for seed in (1, 1, 2))
    assert_equal(first, again)
    assert not np.array_equal(first[0], other[0])
    with pytest.raises(ValueError, match="initializer"):
        weights.initial_weights(model, 1)


def test_nested_models_and_recurrent_layers_are_drawn(weights):
    import keras

    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(3), inner, keras.layers.Dense(1)])
    drawn = weights.initial_weights(model, 0)
    assert [v.shape for v in model.weights] == [value.shape for value in drawn]
    recurrent = drawn[1][:, :3]
    assert np.isfinite(recurrent).all()
