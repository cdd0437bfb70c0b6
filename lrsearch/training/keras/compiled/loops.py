"""The compiled loops: many updates with the validations between them, or a part of a data set, in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from lrsearch.training.keras.compiled.step_functions import Measured, State, StepFunctions

Tensor = Any
MEASURE_BATCH = 1_024
"""Samples a batch when validating and testing; bounds the memory of a convolution's activations."""


class Batches(NamedTuple):
    """The updates of a chunk.

    Attributes:
        rates: shape (k,) or (k, members), float32.
        indices: shape (k, batch) or (k, members, batch), int32: samples of each batch.
        sizes: shape (k,), int32: samples of each batch, the smaller last one of an epoch included; only so many of its
            indices count.
        validates: shape (k,): whether the held-out samples are measured after the update.
        count: number of updates to make, <= k; k is the size this function was compiled for.
    """

    rates: Tensor
    indices: Tensor
    sizes: Tensor
    validates: Tensor
    count: Tensor


class Data(NamedTuple):
    """Samples and labels: those trained on, and those measured inside a chunk (None where nothing is)."""

    x: Tensor
    y: Tensor
    x_held_out: Tensor = None
    y_held_out: Tensor = None


class Chunk(NamedTuple):
    """What a chunk measured; zeros from `done` on, and where nothing was validated.

    Attributes:
        losses: shape (k,) or (k, members).
        metrics: shape (k, m) or (k, members, m).
        held_out: shape (k, 1 + m) or (k, members, 1 + m): loss and metrics on the held-out samples after the update;
            (k, 0) or (k, members, 0) when nothing is validated inside the chunk.
        done: updates made.
    """

    losses: Tensor
    metrics: Tensor
    held_out: Tensor
    done: Tensor


def chunk_loop(
    steps: StepFunctions, *, short: int, members: int | None, held_out: int, xla: bool
) -> Callable[[State, Batches, Tensor, Data], tuple[State, Chunk]]:
    """A compiled function (state, batches, is_alive, data) -> (state, chunk).

    The loop ends after `batches.count` updates, or as soon as the loss of every member that was alive is not finite.

    Args:
        steps: the update.
        short: size of the smaller last batch of an epoch, 0 when there is none; left aside by steps that pad or take any size.
        members: size of the stack, None for a single member without that axis.
        held_out: samples that are measured where `batches.validates`; 0: none are.
        xla: whether XLA compiles it.
    """
    lead = [] if members is None else [members]
    widths = [1 + steps.metric_count] if held_out else []
    shapes = [lead, [*lead, steps.metric_count], *([*lead, width] for width in widths)]

    def run(state: State, batches: Batches, is_alive: Tensor, data: Data) -> tuple[State, Chunk]:
        update = _update_on(steps, batches, data, short=short, members=members)

        def validated(i: Tensor, state: State) -> Tensor:
            def measured() -> Tensor:
                first, parts = tf.constant(0), part_count(held_out)
                sums = _sums(steps, data.x_held_out, data.y_held_out, held_out, members)
                return _row(sums(state, nothing(steps, members), first, tf.constant(parts))) / held_out

            return tf.cond(batches.validates[i], measured, lambda: tf.zeros(shapes[-1]))

        def body(i: Tensor, alive: Tensor, state: State, *kept: Any) -> tuple[Any, ...]:
            state, seen = update(i, state)
            alive = tf.logical_and(alive, tf.math.is_finite(seen.loss))
            values = [*seen, *(validated(i, state) for _ in widths)]
            return i + 1, alive, state, *(array.write(i, v) for array, v in zip(kept, values, strict=True))

        size = tf.shape(batches.rates)[0] if steps.takes_any_size else batches.rates.shape[0]
        kept = [tf.TensorArray(tf.float32, size, element_shape=shape) for shape in shapes]
        done, _, state, *kept = tf.while_loop(
            lambda i, alive, *_: tf.logical_and(i < batches.count, tf.reduce_any(alive)),
            body,
            (tf.constant(0), is_alive, steps.enter(state), *kept),
        )
        losses, metrics, *held = (array.stack() for array in kept)
        return steps.leave(state), Chunk(losses, metrics, held[0] if held else tf.zeros([size, *lead, 0]), done)

    return _compiled(run, xla)


def _update_on(
    steps: StepFunctions, batches: Batches, data: Data, *, short: int, members: int | None
) -> Callable[[Tensor, State], tuple[State, Measured]]:
    """A function (i, state) -> (state, what was measured): the update on batch i."""
    update = steps.update if members is None else _stacked(steps.update)

    def on(state: State, i: Tensor, indices: Tensor, mask: Tensor = None) -> tuple[State, Measured]:
        return update(state, batches.rates[i], tf.gather(data.x, indices), tf.gather(data.y, indices), mask=mask)

    def either(i: Tensor, state: State) -> tuple[State, Measured]:
        indices, size = batches.indices[i], batches.sizes[i]
        if steps.takes_any_size:
            return on(state, i, indices[:size])
        if steps.pads:
            return on(state, i, indices, tf.cast(tf.range(indices.shape[-1]) < size, tf.float32))
        if not short:
            return on(state, i, indices)
        is_short = size < indices.shape[-1]  # XLA needs to know the size
        return tf.cond(is_short, lambda: on(state, i, indices[..., :short]), lambda: on(state, i, indices))

    return either


def part_count(samples: int) -> int:
    """Batches in which so many samples are measured."""
    return -(-samples // MEASURE_BATCH)


def nothing(steps: StepFunctions, members: int | None) -> Measured:
    """Sums over no samples."""
    lead = [] if members is None else [members]
    return Measured(tf.zeros(lead), tf.zeros([*lead, steps.metric_count]))


def measure_loop(
    steps: StepFunctions, *, samples: int, members: int | None, xla: bool
) -> Callable[[State, Data, Measured, tuple[Tensor, Tensor]], Measured]:
    """A compiled function (state, data, sums, (first, last)) -> sums with what the parts first .. last - 1 measured.

    Cut anywhere, the sums over all `part_count(samples)` parts have the same bits.
    """

    def run(state: State, data: Data, sums: Measured, parts: tuple[Tensor, Tensor]) -> Measured:
        return _sums(steps, data.x, data.y, samples, members)(state, sums, *parts)

    return _compiled(run, xla)


def _sums(
    steps: StepFunctions, x: Tensor, y: Tensor, samples: int, members: int | None
) -> Callable[[State, Measured, Tensor, Tensor], Measured]:
    """A function (state, sums, first, last) -> the sums with what the parts first .. last - 1 measured."""
    measure = steps.measure if members is None else _stacked_on_shared_data(steps.measure)
    full, rest = divmod(samples, MEASURE_BATCH)

    def with_part(state: State, sums: Measured, start: Any, size: int) -> Measured:
        seen = measure(state, x[start : start + size], y[start : start + size])
        return Measured(sums.loss + seen.loss * size, sums.metrics + seen.metrics * size)

    def added(state: State, sums: Measured, first: Tensor, last: Tensor) -> Measured:
        if full:
            _, sums = tf.while_loop(
                lambda i, _: i < tf.minimum(last, full),
                lambda i, sums: (i + 1, with_part(state, sums, i * MEASURE_BATCH, MEASURE_BATCH)),
                (first, sums),
            )
        if rest and full:
            sums = tf.cond(last > full, lambda: with_part(state, sums, full * MEASURE_BATCH, rest), lambda: sums)
        elif rest:
            sums = with_part(state, sums, 0, rest)
        return sums

    return added


def _row(seen: Measured) -> Tensor:
    """Loss and metrics side by side."""
    return tf.concat([seen.loss[..., None], seen.metrics], axis=-1)


def _compiled(function: Callable[..., Any], xla: bool) -> Callable[..., Any]:
    compiled: Any = tf.function(function, jit_compile=xla, autograph=False)
    # Each program is traced once; TensorFlow counts programs as retracings of one function and warns of them.
    compiled._omit_frequent_tracing_warning = True
    return compiled


def _stacked(update: Callable[..., Any]) -> Callable[..., Any]:
    """The update of every member at once; what has no vectorised form is looped over, with the same numbers."""
    return lambda *arguments, mask=None: tf.vectorized_map(lambda one: update(*one, mask), arguments)


def _stacked_on_shared_data(measure: Callable[..., Any]) -> Callable[..., Any]:
    return lambda state, x, y: tf.vectorized_map(lambda one: measure(one, x, y), state)
