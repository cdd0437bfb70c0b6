"""Schedule-free AdamW as published."""

from __future__ import annotations

from typing import Any, cast

import keras

ops: Any = keras.ops  # the stub of Keras answers with None for every operation


class ScheduleFreeAdamW(keras.optimizers.ScheduleFreeAdamW):
    """`keras.optimizers.ScheduleFreeAdamW` with the update of its paper on every backend.

    z' = z - lr g / (sqrt(v / (1 - beta_2^t)) + epsilon); x = (y - (1 - beta_1) z) / beta_1; x' = x + (z' - x) / t;
    y' = (1 - beta_1) z' + beta_1 x'; the weights are y, the slots z (`momentum`) and v (`velocity`); t counts from 1.

    Keras 3.15 means the same, but keeps z as a reference to the variable: on TensorFlow x is then computed from z'.

    Source: Defazio et al. 2024, The Road Less Scheduled, arXiv:2405.15682, section 3 and algorithm 1.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update of one variable."""
        index, iterations = self._get_variable_index(variable), cast(Any, self.iterations)
        z, v = self._momentums[index], self._velocities[index]
        gradient, lr, t = (ops.cast(value, variable.dtype) for value in (gradient, learning_rate, iterations + 1))
        if self.warmup_steps:
            lr = lr * ops.minimum(t / self.warmup_steps, 1.0)
        z_before, y = ops.copy(z), ops.copy(variable)
        self.assign(v, v + (1.0 - self.beta_2) * (ops.square(gradient) - v))
        corrected = v / (1.0 - ops.power(ops.cast(self.beta_2, variable.dtype), t))
        z_after = z_before - lr * gradient / (ops.sqrt(corrected) + self.epsilon)
        x = (y - (1.0 - self.beta_1) * z_before) / self.beta_1
        self.assign(z, z_after)
        self.assign(variable, (1.0 - self.beta_1) * z_after + self.beta_1 * (x + (z_after - x) / t))
