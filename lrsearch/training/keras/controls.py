"""Optimizers whose momentum and whose groups' rates change from update to update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lrsearch.errors import InvalidDocument
from lrsearch.training.catalog import OPTIMIZERS
from lrsearch.training.keras.layer_names import named_layers
from lrsearch.training.keras.live_number import LiveNumber
from lrsearch.training.layer_groups import LayerGroup, places
from lrsearch.training.plan import Plan

ops: Any = keras.ops  # the stub of Keras answers with None for every operation


@dataclass(frozen=True, slots=True)
class Controls:
    """What an update takes beside its rate, as tensors.

    Attributes:
        momentum: scalar, None: the optimizer's own.
        multipliers: shape (groups + 1,), None: 1 for all.
    """

    momentum: Any = None
    multipliers: Any = None


class Controlled:
    """Mixed in before an optimizer of Keras: reads momentum and multipliers anew at every update.

    The rate of a variable is the optimizer's times its group's multiplier, in the update as in the weight decay. At 0 the
    variable stands still: momentum that it gathered before moves nothing either.
    """

    controls = Controls()
    """Set by the engine before an update, or before updates are traced."""
    momentum_name: str | None = None
    group_of: tuple[int, ...] = ()
    """Group of each trainable variable, in their order."""

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        this: Any = self
        name, momentum = self.momentum_name, self.controls.momentum
        update: Any = super()
        if name is None or momentum is None:
            update._backend_update_step(grads, trainable_variables, learning_rate)
            return
        own = getattr(this, name)
        setattr(this, name, LiveNumber(float(own), momentum))
        try:
            update._backend_update_step(grads, trainable_variables, learning_rate)
        finally:
            setattr(this, name, own)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One update of one variable, at its group's rate."""
        step: Any = super()
        multiplier = self._multiplier(variable)
        if multiplier is None:
            step.update_step(gradient, variable, learning_rate)
            return
        before = ops.copy(variable)
        step.update_step(gradient, variable, ops.cast(learning_rate, "float32") * multiplier)
        self._assign(variable, ops.where(multiplier > 0, variable, before))

    def _apply_weight_decay(self, variables: Any) -> None:
        decay: Any = super()
        if self.controls.multipliers is None:
            decay._apply_weight_decay(variables)
            return
        before = [ops.copy(variable) for variable in variables]
        decay._apply_weight_decay(variables)
        for variable, value in zip(variables, before, strict=True):
            # the decay is a multiple of the rate, so that a part of it is the decay at a part of the rate
            multiplier = ops.cast(self._multiplier(variable), variable.dtype)
            self._assign(variable, value + (variable - value) * multiplier)

    def _multiplier(self, variable: Any) -> Any:
        this: Any = self
        if self.controls.multipliers is None:
            return None
        return self.controls.multipliers[self.group_of[this._get_variable_index(variable)]]

    def _assign(self, variable: Any, value: Any) -> None:
        this: Any = self
        this.assign(variable, value)


def controlled(plan: Plan, optimizer: Any, model: keras.Model) -> Any:
    """The optimizer, one that reads controls where the plan has any.

    Raises:
        InvalidDocument: a group takes no layer of the model, or two take the same.
    """
    if plan.momenta is None and not plan.groups:
        return optimizer
    kind = type(optimizer)
    extra = {
        "momentum_name": OPTIMIZERS[plan.optimizer.kind].momentum_name if plan.momenta is not None else None,
        "group_of": groups_of_variables(plan.groups, model) if plan.groups else (),
    }
    return type(kind.__name__, (Controlled, kind), extra).from_config(optimizer.get_config())


def groups_of_variables(groups: Sequence[LayerGroup], model: keras.Model) -> tuple[int, ...]:
    """Group of each trainable variable of the model; `len(groups)` for those of none.

    Raises:
        InvalidDocument: a group takes no layer, or two take the same.
    """
    layers = named_layers(model)
    try:
        found = places(groups, [name for name, _ in layers])
    except InvalidDocument as error:
        raise InvalidDocument(error.below("/layer_groups/groups")) from None
    group_of = {id(v): place for place, (_, layer) in zip(found, layers, strict=True) for v in layer.weights}
    return tuple(group_of.get(id(variable), len(groups)) for variable in model.trainable_variables)


def split(plan: Plan, step: Any) -> tuple[Any, Controls]:
    """Rate and controls from the numbers of an update: (1 + c,), the rate alone where the plan has no controls."""
    if plan.momenta is None and not plan.groups:
        return step, Controls()
    first = 1 if plan.momenta is None else 2
    return step[0], Controls(step[1] if first == 2 else None, step[first:] if plan.groups else None)


class Dials:
    """Rate and controls of a compiled model, as variables that its traced updates read.

    Args:
        plan: any plan of the model.
        model: compiled with an optimizer that is `controlled` by the plan.
    """

    def __init__(self, plan: Plan, model: keras.Model) -> None:
        self._model: Any = model
        optimizer = getattr(self._model.optimizer, "inner_optimizer", self._model.optimizer)
        self._momentum = None if plan.momenta is None else _variable(0.0)
        self._multipliers = _variable(np.ones(len(plan.groups) + 1)) if plan.groups else None
        if self._momentum is not None or self._multipliers is not None:
            optimizer.controls = Controls(self._momentum, self._multipliers)

    def turn(self, plan: Plan, step: int, rate: float) -> None:
        """Set what the update of a step reads; beyond the end of the run the last controls hold."""
        self._model.optimizer.learning_rate = rate
        at = min(step, plan.steps - 1)
        if self._momentum is not None:
            assert plan.momenta is not None
            self._momentum.assign(plan.momenta[at])
        if self._multipliers is not None:
            assert plan.multipliers is not None
            self._multipliers.assign(plan.multipliers[at])


def _variable(value: Any) -> Any:
    return tf.Variable(value, dtype=tf.float32)
