"""What the callbacks cost: a fit with a range test against the plain fit; `python -m benchmarks callbacks`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

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
    """Seconds of a batch of whole fits, plain and with a range test, taken in turn.

    Returns:
        Wall-clock and processor time, each of shape (2, repetitions): plain, with the test. Starting and restoring the
        test are in it.
    """
    generator = np.random.default_rng(0)
    x = generator.normal(size=(case.steps * case.batch_size, *case.shape)).astype(np.float32)
    y = generator.integers(case.classes, size=len(x))
    model = case.build()
    test = RangeTest(start_lr=1e-9, end_lr=1e-6, steps=case.steps, divergence=None)
    times = np.empty((2, 2, repetitions + 1))
    for repetition, turn in np.ndindex(repetitions + 1, 2):
        began = np.array([time.perf_counter(), time.process_time()])
        model.fit(x, y, batch_size=case.batch_size, verbose=0, callbacks=[test] if turn else [])
        times[:, turn, repetition] = np.array([time.perf_counter(), time.process_time()]) - began
    wall, processor = times[:, :, 1:] / case.steps  # the first repetition traces
    return wall, processor


def rows() -> list[tuple[str, str, str]]:
    """(what, figure, target) of each measurement."""
    found: list[tuple[str, str, str]] = []
    for case in CASES:
        for clock, (plain, tested) in zip(("wall clock", "processor"), seconds_a_batch(case), strict=True):
            low, middle, high = np.percentile(tested / plain, [25, 50, 75])
            added, whole = 1e6 * np.median(tested - plain), 1e6 * np.median(plain)
            what = f"batch time with RangeTest / plain fit, {case.name}, {clock}, median (quartiles)"
            found.append(
                (what, f"{middle:.3f} ({low:.3f} to {high:.3f}); {added:+.0f} us on {whole:.0f} us", "<= 1.10")
            )
    return found


def report() -> str:
    """The measurements as a Markdown table."""
    lines = ["| what | measured | target |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {figure} | {target} |" for what, figure, target in rows())])
