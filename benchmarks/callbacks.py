"""What the callbacks cost: a fit with a range test against the plain fit; `python -m benchmarks callbacks`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from benchmarks.rows import Row, at_most, table
from lrsearch.callbacks import RangeTest

TITLE = "Callbacks in model.fit"
REPETITIONS = 31


@dataclass(frozen=True, slots=True)
class Case:
    """A fit to measure.

    Attributes:
        name: what is trained.
        build: makes the compiled model.
        shape: of one sample.
        classes: number of classes.
        batch_size: samples a batch.
        steps: batches of one fit.
    """

    name: str
    build: Callable[[], Any]
    shape: tuple[int, ...]
    classes: int
    batch_size: int
    steps: int


def _compiled(model: Any) -> Any:
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _mlp() -> Any:
    layers = [keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10, "softmax")]
    return _compiled(keras.Sequential(layers))


def _cnn() -> Any:
    layers = keras.layers
    return _compiled(
        keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Dropout(0.25),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Dropout(0.25),
                layers.Flatten(),
                layers.Dense(256, "relu"),
                layers.Dense(10, "softmax"),
            ]
        )
    )


CASES = (
    Case("mnist_cnn, batch 250", _cnn, (28, 28, 1), 10, 250, 6),
    Case("digits_mlp, batch 32", _mlp, (64,), 10, 32, 200),
)


def seconds_a_batch(case: Case, repetitions: int = REPETITIONS) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of a batch in fits without a callback and with a range test, taken in turn: shape (repetitions,) each.

    The time of a batch is the median time from one call of the train function to the next: start and end of a fit are
    not in it (a fit that is stopped at its last batch saves a good part of its end, which would flatter the test).
    """
    generator = np.random.default_rng(0)
    x = generator.normal(size=(case.steps * case.batch_size, *case.shape)).astype(np.float32)
    y = generator.integers(case.classes, size=len(x))
    model = case.build()
    model.fit(x[: case.batch_size], y[: case.batch_size], verbose=0)
    calls: list[float] = []
    inner = model.train_function

    def timed(iterator: Any) -> Any:
        calls.append(time.perf_counter())
        return inner(iterator)

    model.train_function = timed
    test = RangeTest(start_lr=1e-9, end_lr=1e-6, steps=case.steps, divergence=None)
    periods = np.empty((2, repetitions))
    for repetition, turn in np.ndindex(repetitions, 2):
        calls.clear()
        model.fit(x, y, batch_size=case.batch_size, verbose=0, callbacks=[test] if turn else [])
        periods[turn, repetition] = np.median(np.diff(calls))
    return periods[0], periods[1]


def report(quick: bool = False) -> str:
    """The measurements as a Markdown table."""
    return table([_row(case, 2 if quick else REPETITIONS) for case in (CASES[1:] if quick else CASES)])


def _row(case: Case, repetitions: int) -> Row:
    plain, tested = seconds_a_batch(case, repetitions)
    low, middle, high = np.percentile(tested / plain, [25, 50, 75])
    added, whole = 1e6 * np.median(tested - plain), 1e6 * np.median(plain)
    what = f"batch time with RangeTest / without, {case.name}, median (quartiles) of {repetitions} pairs of fits"
    return Row(what, float(middle), "", f"{low:.3f} to {high:.3f}; {added:+.0f} us on {whole:.0f} us", at_most(1.1))
