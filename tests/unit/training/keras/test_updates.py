"""Fields of updates against numbers that do not come from the engines."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.training import catalog
from lrsearch.training.keras import datasets
from lrsearch.training.keras.compiled import CompiledTrainer
from lrsearch.training.keras.fit_trainer import FitTrainer
from lrsearch.training.keras.layer_names import named_layers
from lrsearch.training.keras.own_updates import Augmented, layer_of
from lrsearch.training.keras.prepared import build_model, class_weights, prepare
from lrsearch.training.layer_groups import LayerGroup
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan

pytestmark = pytest.mark.tensorflow
BODY, HEAD = LayerGroup(name="body", layers=("dense",)), LayerGroup(name="head", layers=("dense_1",))


@pytest.fixture(scope="module")
def fit():
    return FitTrainer(chunk_seconds=60.0)


def plan(kind="adam", steps=6, data="iris", model="tabular_mlp", params=None, **changes):
    optimizer = TypeAdapter(AnyOptimizer).validate_python({"kind": kind, **changes.pop("hyperparameters", {})})
    document = ModelSpec(name=model, params=params or {})
    return Plan(document, DataSpec(name=data), optimizer, 120, np.full(steps, 0.01), seed=1, **changes)


def weights_after(trainer, todo):
    """The trained weights: those of the checkpoint after the last update."""
    kept = []

    def keep(index, segment):
        kept.append(segment.checkpoint())
        from lrsearch.training.trainer import Continue

        return Continue()

    trainer.train([todo], keep)
    arrays = kept[-1].arrays
    prefix = "live/model/" if "live/model/0" in arrays else "live/weights/"
    return [arrays[f"{prefix}{index}"] for index in range(4)]


@pytest.mark.parametrize("engine", ["fit", "compiled"])
def test_a_multiplier_scales_the_first_update_of_adam_and_zero_stops_it(fit, engine):
    trainer = fit if engine == "fit" else CompiledTrainer()
    start = prepare(plan())
    start.reset(1)
    before = [np.asarray(variable) for variable in start.model.weights]
    whole = weights_after(trainer, plan(steps=1))
    multipliers = np.array([[0.0, 0.1, 1.0]])
    parted = weights_after(trainer, plan(steps=1, groups=(BODY, HEAD), multipliers=multipliers))
    for place, factor in enumerate([0.0, 0.0, 0.1, 0.1]):
        expected = factor * (whole[place] - before[place])
        np.testing.assert_allclose(expected, parted[place] - before[place], atol=2e-7)


def test_a_frozen_layer_stands_still_whatever_momentum_it_gathered(fit):
    multipliers = np.array([[1.0, 1.0, 1.0]] * 3 + [[0.0, 1.0, 1.0]] * 3)
    todo = plan("sgd", groups=(BODY, HEAD), multipliers=multipliers, hyperparameters={"momentum": 0.9})
    at_three = weights_after(fit, replace(todo, rates=todo.rates[:3], multipliers=multipliers[:3]))
    at_six = weights_after(fit, todo)
    assert [True, True, False, False] == [np.array_equal(*pair) for pair in zip(at_three, at_six, strict=True)]


def test_changing_momentum_is_that_of_sgd_by_hand(fit):
    momenta = np.linspace(0.95, 0.5, 6)
    todo = plan("sgd", data="diabetes", hyperparameters={"momentum": 0.9}, momenta=momenta)
    (run,) = fit.train([todo])
    prepared = prepare(replace(todo, momenta=None))
    prepared.reset(1)
    model, data = prepared.model, prepared.data
    velocities = [0.0] * 4
    losses = []
    import tensorflow as tf

    from lrsearch.training.data_order import DataOrder

    for momentum, batch in zip(momenta, DataOrder(353, 120, 1).batches(0, 6), strict=True):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(data.x_train[batch]) - data.y_train[batch]) ** 2)
        losses.append(float(loss))
        for place, (variable, gradient) in enumerate(
            zip(
                model.trainable_variables,
                tape.gradient(loss, [v.value for v in model.trainable_variables]),
                strict=True,
            )
        ):
            velocities[place] = momentum * velocities[place] - 0.01 * gradient
            variable.assign_add(velocities[place])
    np.testing.assert_allclose(losses, run.curve.losses, rtol=1e-5)


def test_class_weights_are_those_of_model_fit(fit):
    todo = plan(class_weight=((0, 3.0), (2, 0.25)), steps=3)
    (run,) = fit.train([todo])
    prepared = prepare(replace(todo, class_weight=None))
    prepared.reset(1)
    prepared.model.optimizer.learning_rate = 0.01
    data, losses = prepared.data, []
    for _ in range(3):  # a batch is the whole training set, whose order does not matter
        fitted = prepared.model.fit(
            data.x_train, data.y_train, batch_size=120, class_weight={0: 3.0, 1: 1.0, 2: 0.25}, verbose=0
        )
        losses += fitted.history["loss"]
    np.testing.assert_allclose(losses, run.curve.losses, rtol=1e-5)


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = datasets.load("wine").y_train
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(expected, class_weights(plan(data="wine", class_weight="balanced"), labels), rtol=1e-6)


def test_accumulated_updates_are_those_of_keras_where_the_parts_are_equal(fit):
    todo = replace(plan(steps=4), batch_size=30, accumulation_steps=2)
    (run,) = fit.train([todo])
    prepared = prepare(replace(todo, accumulation_steps=1))
    prepared.reset(1)
    model, data = prepared.model, prepared.data
    model.compile(keras.optimizers.Adam(0.01, gradient_accumulation_steps=2), "sparse_categorical_crossentropy")
    from lrsearch.training.data_order import DataOrder

    losses = []
    for batch in DataOrder(120, 30, 1).batches(0, 8):
        model.reset_metrics()  # what Keras answers with is a running mean
        losses.append(model.train_on_batch(data.x_train[batch], data.y_train[batch]))
    # the order of 60 samples in two halves is that of 30
    np.testing.assert_allclose(np.reshape(losses, (4, 2)).mean(axis=1), run.curve.losses, rtol=1e-5)


@pytest.mark.parametrize("model", catalog.models())
def test_rows_name_the_layers_that_the_built_model_has(model):
    row = catalog.models()[model]
    data = next(data.name for data in catalog.datasets().values() if catalog.takes(row, data))
    for params in [{}, {"units": [4, 3], "batch_norm": True}] if model == "tabular_mlp" else [{}]:
        todo = plan(model=model, data=data, params=params)
        for _ in range(2):  # Keras counts on; our names do not
            assert catalog.layers_of(todo.model) == tuple(name for name, _ in named_layers(build_model(todo)))


def test_a_group_of_no_layer_is_refused_when_the_model_is_built(fit):
    stray = LayerGroup(name="stray", pattern="conv")
    with pytest.raises(InvalidDocument, match="no layer for the group 'stray'") as error:
        fit.train([plan(groups=(stray,), multipliers=np.ones((6, 2)))])
    assert "/layer_groups/groups/0/pattern" == error.value.problems[0].pointer


CHANGES = [
    {"kind": "flip"},
    {"kind": "translation", "height": 0.2, "width": 0.1},
    {"kind": "rotation"},
    {"kind": "zoom"},
    {"kind": "noise", "stddev": 0.2},
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_act_in_training_only(change):
    from lrsearch.training.augmentation import AnyAugmentation

    images = np.random.default_rng(0).random((4, 12, 12, 1), dtype=np.float32)
    layer = layer_of(TypeAdapter(AnyAugmentation).validate_python(change))
    model = Augmented(keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Identity()]), [layer])
    np.testing.assert_array_equal(images, model(images, training=False))
    assert not np.array_equal(images, model(images, training=True))


def test_augmented_training_starts_from_the_same_weights_and_goes_on_from_its_checkpoint(fit):
    from lrsearch.training.augmentation import Noise
    from lrsearch.training.trainer import Continue

    todo = plan(augmentation=(Noise(stddev=0.5),), test=True)
    (plain,), kept = fit.train([plan(test=True)]), []

    def keep(index, segment):
        kept.append(segment.checkpoint())
        return Continue()

    (noisy,) = fit.train([todo], keep)
    assert plain.curve.losses[0] != noisy.curve.losses[0]
    (resumed,) = fit.train([replace(todo, resume_from=kept[2])])
    np.testing.assert_array_equal(noisy.curve.losses, resumed.curve.losses)
    still = replace(plan(augmentation=(Noise(stddev=1e-9),), test=True))
    np.testing.assert_allclose(plain.curve.losses, fit.train([still])[0].curve.losses, rtol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_close_to_float32_and_leaves_the_policy_alone(fit, precision):
    from lrsearch.training.keras.auto_trainer import AutoTrainer

    hyperparameters = {"momentum": 0.9}
    (exact,) = fit.train([plan("sgd", hyperparameters=hyperparameters)])
    (run,) = AutoTrainer().train([plan("sgd", hyperparameters=hyperparameters, precision=precision)])
    assert ("fit", True) == (run.engine, precision in run.engine_facts["engine_why"])
    assert "float32" == keras.config.dtype_policy().name
    np.testing.assert_allclose(exact.curve.losses, run.curve.losses, rtol=0.02)
    assert not np.array_equal(exact.curve.losses, run.curve.losses)


def test_the_compiled_engine_refuses_what_it_leaves_to_fit():
    with pytest.raises(ValueError, match=r"mixed_float16.*Set \"engine\""):
        CompiledTrainer().train([plan(precision="mixed_float16")])
