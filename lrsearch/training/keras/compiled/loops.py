"""The compiled loops: many updates, or a whole data set, in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from lrsearch.training.keras.compiled.step_functions import Measured, State, StepFunctions

Tensor = Any


class Batches(NamedTuple):
    """The updates of a chunk.

    Attributes:
        rates: shape (k,) or (k, members), float32.
        indices: shape (k, batch) or (k, members, batch), int32: samples of each batch.
        is_short: shape (k,): whether the batch is the smaller last one of an epoch; only the first indices count then.
        count: number of updates to make, <= k; k is the size this function was compiled for.
    """

    rates: Tensor
    indices: Tensor
    is_short: Tensor
    count: Tensor


class Chunk(NamedTuple):
    """What a chunk measured: losses (k,) or (k, members), metrics (k, m) or (k, members, m); zeros from `done` on."""

    losses: Tensor
    metrics: Tensor
    done: Tensor


def chunk_loop(
    steps: StepFunctions, *, short: int, members: int | None, xla: bool
) -> Callable[[State, Batches, Tensor, Tensor, Tensor], tuple[State, Chunk]]:
    """A compiled function (state, batches, is_alive, x, y) -> (state, chunk).

    The loop ends after `batches.count` updates, or as soon as the loss of every member that was alive is not finite.

    Args:
        steps: the update.
        short: size of the smaller last batch of an epoch, 0 when there is none.
        members: size of the stack, None for a single member without that axis.
        xla: whether XLA compiles it.
    """
    update = steps.update if members is None else _stacked(steps.update)

    def one(state: State, rate: Tensor, indices: Tensor, x: Tensor, y: Tensor) -> tuple[State, Measured]:
        return update(state, rate, tf.gather(x, indices), tf.gather(y, indices))

    def run(state: State, batches: Batches, is_alive: Tensor, x: Tensor, y: Tensor) -> tuple[State, Chunk]:
        def body(i: Tensor, alive: Tensor, state: State, losses: Any, metrics: Any) -> tuple[Any, ...]:
            rate, indices = batches.rates[i], batches.indices[i]
            if short:
                state, seen = tf.cond(
                    batches.is_short[i],
                    lambda: one(state, rate, indices[..., :short], x, y),
                    lambda: one(state, rate, indices, x, y),
                )
            else:
                state, seen = one(state, rate, indices, x, y)
            alive = tf.logical_and(alive, tf.math.is_finite(seen.loss))
            return i + 1, alive, state, losses.write(i, seen.loss), metrics.write(i, seen.metrics)

        lead = [] if members is None else [members]
        size = batches.rates.shape[0] or tf.shape(batches.rates)[0]
        losses = tf.TensorArray(tf.float32, size, element_shape=lead)
        metrics = tf.TensorArray(tf.float32, size, element_shape=[*lead, steps.metric_count])
        done, _, state, losses, metrics = tf.while_loop(
            lambda i, alive, *_: tf.logical_and(i < batches.count, tf.reduce_any(alive)),
            body,
            (tf.constant(0), is_alive, steps.enter(state), losses, metrics),
        )
        return steps.leave(state), Chunk(losses.stack(), metrics.stack(), done)

    return _compiled(run, xla)


def measure_loop(
    steps: StepFunctions, *, samples: int, batch: int, members: int | None, xla: bool
) -> Callable[[State, Tensor, Tensor], Measured]:
    """A compiled function (state, x, y) -> means of loss and metrics over all `samples`, in batches of `batch`."""
    measure = steps.measure if members is None else _stacked_on_shared_data(steps.measure)
    full, rest = divmod(samples, batch)

    def run(state: State, x: Tensor, y: Tensor) -> Measured:
        def part(first: Tensor, size: int) -> Measured:
            seen = measure(state, x[first : first + size], y[first : first + size])
            return Measured(seen.loss * size, seen.metrics * size)

        def body(i: Tensor, total: Measured) -> tuple[Tensor, Measured]:
            seen = part(i * batch, batch)
            return i + 1, Measured(total.loss + seen.loss, total.metrics + seen.metrics)

        lead = [] if members is None else [members]
        total = Measured(tf.zeros(lead), tf.zeros([*lead, steps.metric_count]))
        if full:
            _, total = tf.while_loop(lambda i, _: i < full, body, (tf.constant(0), total))
        if rest:
            seen = part(tf.constant(full * batch), rest)
            total = Measured(total.loss + seen.loss, total.metrics + seen.metrics)
        return Measured(total.loss / samples, total.metrics / samples)

    return _compiled(run, xla)


def _compiled(function: Callable[..., Any], xla: bool) -> Callable[..., Any]:
    compiled: Any = tf.function(function, jit_compile=xla, autograph=False)
    # Each program is traced once; TensorFlow counts programs as retracings of one function and warns of them.
    compiled._omit_frequent_tracing_warning = True
    return compiled


def _stacked(update: Callable[..., Any]) -> Callable[..., Any]:
    """The update of every member at once; what has no vectorised form is looped over, with the same numbers."""
    return lambda *arguments: tf.vectorized_map(lambda one: update(*one), arguments)


def _stacked_on_shared_data(measure: Callable[..., Any]) -> Callable[..., Any]:
    return lambda state, x, y: tf.vectorized_map(lambda one: measure(one, x, y), state)
