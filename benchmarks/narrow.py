"""Gradients of a narrow Dense layer compiled by XLA: as Keras asks for them, and transposed first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.clocks import in_turn
from benchmarks.rows import Row
from lrsearch.training.keras.compiled.canonical_dense import product
from lrsearch.training.keras.environment import device_name

BATCH, INPUTS, UNITS = 256, 50, 3
"""The last layer of `blobs_mlp`."""
UPDATES = 1_000
"""Gradients of one call."""


def rows(quick: bool = False) -> list[Row]:
    """How much less time they take alone and in a stack; nothing on a GPU, where the engine leaves them to Keras."""
    if device_name() != "cpu":
        return []
    return [_row(members, UPDATES // 100 if quick else UPDATES) for members in (1, 16)]


def _row(members: int, updates: int) -> Row:
    plain, first = _loop(tf.matmul, members, updates), _loop(product, members, updates)
    plain(), first()
    asked, transposed = np.median(in_turn([plain, first], 7), axis=1) / updates * 1e6
    who = "alone" if members == 1 else f"in a stack of {members}"
    what = f"gradients of a layer of {UNITS} units on {INPUTS} inputs, batch {BATCH}, XLA, {who}: as Keras asks / transposed first"
    return Row(what, float(asked / transposed), "", f"{asked:.1f} us against {transposed:.1f} us, medians of 7")


def _loop(multiply: Callable[[Any, Any], Any], members: int, updates: int) -> Callable[[], Any]:
    """Descend on the mean square of x w, in inputs (of which an earlier layer needs the gradient) and weights."""
    generator = np.random.default_rng(0)
    shapes = (members, BATCH, INPUTS), (members, INPUTS, UNITS)
    start = [tf.constant(generator.normal(size=shape), tf.float32) for shape in shapes]

    def update(x: Any, w: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch((x, w))
            loss = tf.reduce_mean(multiply(x, w) ** 2)
        of_x, of_w = tape.gradient(loss, (x, w))
        return x - 1e-3 * of_x, w - 1e-3 * of_w

    def body(x: Any, w: Any) -> tuple[Any, Any]:
        if members == 1:
            return tuple(new[None] for new in update(x[0], w[0]))
        return tf.vectorized_map(lambda one: update(*one), (x, w))

    @tf.function(jit_compile=True, autograph=False)
    def run(x: Any, w: Any) -> Any:
        return tf.while_loop(lambda *_: True, body, (x, w), maximum_iterations=updates)[1]

    return lambda: run(*start).numpy()
