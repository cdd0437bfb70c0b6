"""The controllers decide as Keras 3.15's callbacks do, on random walks of a metric."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from lrsearch.controllers import EarlyStopping, ReduceOnPlateau, SetRate, StopTraining

pytestmark = [
    pytest.mark.tensorflow,
    # Keras 3.15 reads variables with np.array, which TensorFlow 2.21 answers in NumPy's old way.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

EPOCHS = 60
REDUCE = (
    ReduceOnPlateau(patience=2),
    ReduceOnPlateau(patience=0, factor=0.5),
    ReduceOnPlateau(patience=1, factor=0.5, cooldown=3, min_lr=0.01),
    ReduceOnPlateau(patience=3, factor=0.3, cooldown=1, min_delta=0.05),
    ReduceOnPlateau(monitor="val_accuracy", mode="max", patience=2, factor=0.7),
)
STOP = (
    EarlyStopping(patience=0),
    EarlyStopping(patience=3),
    EarlyStopping(patience=3, min_delta=0.05),
    EarlyStopping(patience=4, baseline=0.5),
    EarlyStopping(patience=2, start_from_epoch=10),
    EarlyStopping(monitor="val_accuracy", mode="max", patience=3),
)


def walk(seed: int) -> list[float | None]:
    """A noisy descent; some epochs were not measured, and one is NaN."""
    random = np.random.default_rng(seed)
    values = np.exp(-np.arange(EPOCHS) / 15) + 0.1 * random.standard_normal(EPOCHS)
    values[20] = np.nan
    return [None if random.random() < 0.1 and epoch else float(value) for epoch, value in enumerate(values)]


def logs(monitor: str, value: float | None) -> dict[str, float]:
    return {} if value is None else {monitor: value}


def keras_rates(rule: ReduceOnPlateau, values: list[float | None]) -> list[float]:
    import keras

    callback = keras.callbacks.ReduceLROnPlateau(
        monitor=rule.monitor, mode=rule.mode if rule.mode != "auto" else "min", factor=rule.factor,
        patience=rule.patience, min_delta=rule.min_delta, cooldown=rule.cooldown, min_lr=rule.min_lr,
    )  # fmt: skip
    optimizer = keras.optimizers.SGD(0.1)
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    callback.on_train_begin()
    found = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, logs(rule.monitor, value))
        found.append(float(optimizer.learning_rate))
    return found


def our_rates(rule: ReduceOnPlateau, values: list[float | None]) -> list[float]:
    state, lr, found = rule.start(), 0.1, []
    for epoch, value in enumerate(values):
        decision = state.at_epoch_end(epoch, logs(rule.monitor, value), lr)
        lr = decision.lr if isinstance(decision, SetRate) else lr
        found.append(lr)
    return found


@pytest.mark.filterwarnings("ignore:Learning rate reduction is conditioned")
@pytest.mark.parametrize("rule", REDUCE, ids=str)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_reduce_on_plateau_sets_the_rates_that_keras_sets(rule: ReduceOnPlateau, seed: int) -> None:
    values = walk(seed)
    np.testing.assert_allclose(our_rates(rule, values), keras_rates(rule, values), rtol=1e-5)


def keras_stop(rule: EarlyStopping, values: list[float | None]) -> int | None:
    import keras

    callback = keras.callbacks.EarlyStopping(
        monitor=rule.monitor, mode=rule.mode if rule.mode != "auto" else "min", patience=rule.patience,
        min_delta=rule.min_delta, baseline=rule.baseline, start_from_epoch=rule.start_from_epoch,
    )  # fmt: skip
    model = SimpleNamespace(stop_training=False)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, logs(rule.monitor, value))
        if model.stop_training:
            return epoch
    return None


def our_stop(rule: EarlyStopping, values: list[float | None]) -> int | None:
    state = rule.start()
    for epoch, value in enumerate(values):
        if isinstance(state.at_epoch_end(epoch, logs(rule.monitor, value), 0.1), StopTraining):
            return epoch
    return None


@pytest.mark.filterwarnings("ignore:Early stopping conditioned")
@pytest.mark.parametrize("rule", STOP, ids=str)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_early_stopping_stops_in_the_epoch_in_which_keras_stops(rule: EarlyStopping, seed: int) -> None:
    values = walk(seed)
    assert keras_stop(rule, values) == our_stop(rule, values)
