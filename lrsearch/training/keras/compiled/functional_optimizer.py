"""A Keras optimizer as a function: (weights, gradients, slots, rate) -> (weights, slots).

Everything an optimizer of Keras does in `apply` is kept: weight decay, the three kinds of clipping, loss scale, moving
averages of the weights, constraints. Keras' own road to this, `stateless_apply`, refuses the TensorFlow backend because
its TensorFlow mix-in writes to `tf.Variable`s; `_Stateless` puts Keras' backend-neutral methods back in front of it,
which are the ones the JAX backend runs on. A function of tensors can be vectorised over members and compiled by XLA
whatever it does inside, so that norms (Lamb, Adafactor, clipping) and matrix products (Muon) stay those of one member.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.optimizers.base_optimizer import BaseOptimizer
from numpy.typing import NDArray

from lrsearch.training.keras.controls import Controls

Tensors = list[Any]


class _Stateless(TFOptimizer):
    """The mix-in between an optimizer and Keras' TensorFlow mix-in."""

    assign = BaseOptimizer.assign
    assign_add = BaseOptimizer.assign_add
    assign_sub = BaseOptimizer.assign_sub
    _var_key = BaseOptimizer._var_key
    _apply_weight_decay = BaseOptimizer._apply_weight_decay
    _backend_update_step = BaseOptimizer._backend_update_step
    _overwrite_model_variables_with_average_value = BaseOptimizer._overwrite_model_variables_with_average_value
    overwrite_every: int | None = None

    def _backend_apply_gradients(self, grads: Any, trainable_variables: Any) -> None:
        """As in Keras; the occasional overwriting by the moving average is a choice of values, not a branch."""
        super()._backend_apply_gradients(grads, trainable_variables)
        if self.use_ema and self.overwrite_every:
            iterations: Any = self.iterations
            is_due = tf.equal((iterations.value + 1) % self.overwrite_every, 0)
            for variable, average in zip(self._trainable_variables, self._model_variables_moving_average, strict=True):
                variable.assign(tf.where(is_due, average.value, variable.value))


class FunctionalOptimizer:
    """An optimizer of Keras that holds no state.

    Args:
        optimizer: any optimizer of Keras; its class and hyperparameters are taken over, it is not changed.
        variables: trainable variables of the model whose weights will be updated; they are not changed either.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]) -> None:
        kind = type(optimizer)
        self._optimizer: Any = type(kind.__name__, (kind, _Stateless), {}).from_config(optimizer.get_config())
        self._optimizer.overwrite_every, self._optimizer.ema_overwrite_frequency = (
            self._optimizer.ema_overwrite_frequency,
            None,
        )
        self._variables = list(variables)
        marks = _build_on_marked(self._optimizer, self._variables)
        self._slots = [slot for slot in self._optimizer.variables if slot is not self._optimizer._learning_rate]
        self._first = [_first_value(np.asarray(slot), marks) for slot in self._slots]

    def scale_loss(self, loss: Any) -> Any:
        """The loss whose gradients `apply` expects."""
        return self._optimizer.scale_loss(loss)

    def first_slots(self, weights: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Slots before the first update; ScheduleFreeAdamW starts its momentum at the weights."""
        return [weights[first] if isinstance(first, int) else first for first in self._first]

    def apply(
        self,
        weights: Tensors,
        gradients: Tensors,
        slots: Tensors,
        rate: Any,
        controls: Controls = Controls(),  # noqa: B008 - a frozen value
    ) -> tuple[Tensors, Tensors]:
        """One update at learning rate `rate`; controls are for optimizers that are `Controlled`."""
        self._optimizer.controls = controls
        rate_variable = self._optimizer._learning_rate
        known = [*zip(self._variables, weights, strict=True), *zip(self._slots, slots, strict=True)]
        with StatelessScope(state_mapping=[*known, (rate_variable, rate)]) as scope:
            self._optimizer.apply(gradients)
        return _values(scope, self._variables), _values(scope, self._slots)

    def final_weights(self, weights: Tensors, slots: Tensors) -> Tensors:
        """The weights a finished training has: with `use_ema` their moving average."""
        if not self._optimizer.use_ema:
            return weights
        places = {id(slot): place for place, slot in enumerate(self._slots)}
        return [slots[places[id(average)]] for average in self._optimizer._model_variables_moving_average]


def _values(scope: StatelessScope, variables: Sequence[keras.Variable]) -> Tensors:
    return [tf.convert_to_tensor(cast(Any, scope.get_current_value(variable))) for variable in variables]


def _build_on_marked(optimizer: Any, variables: Sequence[keras.Variable]) -> list[NDArray[Any]]:
    """Build the optimizer while the variables hold random numbers, so that slots which copy them can be told."""
    held = [np.asarray(variable) for variable in variables]
    generator = np.random.default_rng(0)
    marks = [generator.random(value.shape).astype(value.dtype) for value in held]
    for variable, mark in zip(variables, marks, strict=True):
        variable.assign(mark)
    optimizer.build(list(variables))
    for variable, value in zip(variables, held, strict=True):
        variable.assign(value)
    return marks


def _first_value(slot: NDArray[Any], marks: Sequence[NDArray[Any]]) -> int | NDArray[Any]:
    """Place of the weight this slot copies, or its constant first value."""
    copies = [place for place, mark in enumerate(marks) if mark.size and np.array_equal(slot, mark)]
    return copies[0] if copies else slot
