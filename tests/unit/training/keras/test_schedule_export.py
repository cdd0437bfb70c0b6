"""Schedules exported to Keras: the same rates, in graph mode, after saving and loading; agreement with Keras' own."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from lrsearch.schedules import (
    Constant,
    Cosine,
    Epochs,
    Exponential,
    InverseTime,
    Linear,
    OneCycle,
    Piecewise,
    Polynomial,
    Schedule,
    Sequential,
    StepDecay,
    TimeBased,
    Triangular,
    WarmRestarts,
    Warmup,
)

pytestmark = [
    pytest.mark.tensorflow,
    # Keras 3.15 reads variables with np.array, which TensorFlow 2.21 answers in NumPy's old way.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's own imports warn
    keras = pytest.importorskip("keras")
    tf = pytest.importorskip("tensorflow")

from lrsearch.training.keras.schedule_export import LONGEST_TABLE, ScheduleTable, to_keras  # noqa: E402

STEPS = np.arange(0, 131)
EXPORTED: tuple[Schedule, ...] = (
    Cosine(max_lr=0.1, min_lr=0.001, total_steps=100),
    Warmup(schedule=OneCycle(max_lr=0.1), warmup_steps=Epochs(epochs=0.5)),
    Sequential(schedules=(Constant(lr=0.1), Linear(start_lr=0.1)), boundaries=(Epochs(epochs=3),)),
    TimeBased(lr=0.1, decay=0.1),
    Triangular(base_lr=0.01, max_lr=0.1, half_cycle_steps=7),
)


@pytest.mark.parametrize("schedule", EXPORTED, ids=lambda s: s.kind)
def test_an_exported_schedule_has_the_rates_of_the_schedule_within_float32(schedule: Schedule) -> None:
    resolved = schedule.resolve(steps_per_epoch=20, total_steps=100)
    exported = to_keras(schedule, steps_per_epoch=20, total_steps=100)
    expected = resolved(np.minimum(STEPS, 100))
    np.testing.assert_allclose([float(exported(int(step))) for step in STEPS], expected, rtol=6e-8)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_works_in_graph_mode_and_under_xla_on_any_step_dtype(dtype: str, jit_compile: bool) -> None:
    exported = to_keras(EXPORTED[0])
    rate = tf.function(exported, jit_compile=jit_compile)
    for step in (0, 37, 100, 5000):
        assert np.float32(EXPORTED[0](step)) == rate(tf.constant(step, dtype)).numpy()


def test_it_survives_saving_and_loading_the_model_and_goes_on_at_the_right_step(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(to_keras(EXPORTED[0])), "mse")
    model.fit(np.ones((40, 2)), np.ones(40), batch_size=1, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.float32(EXPORTED[0](40)) == float(loaded.optimizer.learning_rate)
    assert EXPORTED[0] == loaded.optimizer._learning_rate.schedule


def test_its_config_is_json_and_holds_the_job_documents_schedule() -> None:
    config = json.loads(json.dumps(to_keras(EXPORTED[0]).get_config()))
    assert EXPORTED[0].model_dump(mode="json") == config["schedule"]
    assert float(to_keras(EXPORTED[0])(7)) == float(ScheduleTable.from_config(config)(7))


def test_gradient_accumulation_counts_updates_and_not_micro_batches() -> None:
    optimizer = keras.optimizers.SGD(
        to_keras(EXPORTED[0], gradient_accumulation_steps=4), gradient_accumulation_steps=4
    )
    weight = keras.Variable([1.0])
    optimizer.build([weight])
    for _ in range(12):
        optimizer.apply([keras.ops.ones(1)])
    assert int(optimizer.iterations) == 3
    assert np.float32(EXPORTED[0](3)) == float(optimizer.learning_rate)


def test_a_schedule_in_epochs_asks_for_the_steps_of_an_epoch() -> None:
    with pytest.raises(ValueError, match="steps_per_epoch was left out"):
        to_keras(StepDecay(lr=0.1, every_steps=Epochs(epochs=2)), total_steps=100)


def test_a_schedule_without_an_end_asks_for_the_length_of_the_run() -> None:
    with pytest.raises(ValueError, match="total_steps was left out"):
        to_keras(Triangular(base_lr=0.01, max_lr=0.1, half_cycle_steps=7))


@pytest.mark.parametrize("total_steps", [0, LONGEST_TABLE + 1])
def test_a_table_that_is_empty_or_too_long_is_refused(total_steps: int) -> None:
    with pytest.raises(ValueError, match="total_steps must be"):
        ScheduleTable(Constant(lr=0.1), total_steps)


def test_accumulation_over_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="gradient_accumulation_steps must be >= 1, not 0"):
        ScheduleTable(Constant(lr=0.1), 10, 0)


def test_no_float32_formula_is_left_in_a_long_run() -> None:
    schedule = Cosine(max_lr=1e-3, total_steps=1_000_000)
    exported = to_keras(schedule)
    late = 999_990
    np.testing.assert_allclose(float(exported(late)), float(schedule(late)), rtol=6e-8)


KERAS = keras.optimizers.schedules
PAIRS = (
    (Cosine(max_lr=0.1, total_steps=100), KERAS.CosineDecay(0.1, 100)),
    (Cosine(max_lr=0.1, min_lr=0.02, total_steps=100), KERAS.CosineDecay(0.1, 100, alpha=0.2)),
    (
        Warmup(schedule=Cosine(max_lr=0.1, total_steps=100), warmup_steps=10),  # Keras counts the decay without it: 90
        KERAS.CosineDecay(0.0, 90, warmup_target=0.1, warmup_steps=10),
    ),
    (
        WarmRestarts(max_lr=0.1, min_lr=0.01, cycle_steps=10, cycle_mult=2.0),
        KERAS.CosineDecayRestarts(0.1, 10, t_mul=2.0, alpha=0.1),
    ),
    (
        WarmRestarts(max_lr=0.1, cycle_steps=10, peak_decay=0.9),
        KERAS.CosineDecayRestarts(0.1, 10, t_mul=1.0, m_mul=0.9),
    ),
    (Exponential(lr=0.1, decay_rate=0.9, decay_steps=10), KERAS.ExponentialDecay(0.1, 10, 0.9)),
    (
        Exponential(lr=0.1, decay_rate=0.9, decay_steps=10, staircase=True),
        KERAS.ExponentialDecay(0.1, 10, 0.9, staircase=True),
    ),
    (InverseTime(lr=0.1, decay=0.05), KERAS.InverseTimeDecay(0.1, 1, 0.05)),
    (
        Piecewise(boundaries=(10, 60), lrs=(0.1, 0.01, 0.001)),
        KERAS.PiecewiseConstantDecay([10, 60], [0.1, 0.01, 0.001]),
    ),
    (Polynomial(start_lr=0.1, end_lr=0.001, total_steps=100, power=2.0), KERAS.PolynomialDecay(0.1, 100, 0.001, 2.0)),
    (Linear(start_lr=0.1, end_lr=0.001, total_steps=100), KERAS.PolynomialDecay(0.1, 100, 0.001, 1.0)),
)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda value: type(value).__name__)
def test_schedules_agree_with_keras_3_15_to_one_millionth_of_the_peak(ours: Schedule, theirs: object) -> None:
    rates = [float(theirs(int(step))) for step in STEPS]
    np.testing.assert_allclose(ours(STEPS), rates, rtol=0, atol=0.1 * 1e-6)
