"""Two rates in a compiled model for a while: the optimizer's in one layer group, another in all other layers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from lrsearch.errors import InvalidDocument
from lrsearch.training.catalog import OPTIMIZERS
from lrsearch.training.keras.callbacks.optimizer_access import optimizer_of
from lrsearch.training.keras.controls import Controlled, Controls, groups_of_variables
from lrsearch.training.layer_groups import LayerGroup


class GroupRates:
    """The optimizer's rate acts on one group of layers, another rate on all others, until `remove`.

    The train function is traced anew, now and at the next fit after `remove`: what an update does is built into it.

    Args:
        model: a compiled and built model.
        group: the layers at the optimizer's rate.
        others_lr: rate of all other layers, >= 0.

    Raises:
        ValueError: the group takes no layer, or the optimizer's update is no multiple of its rate.
    """

    def __init__(self, model: keras.Model, group: LayerGroup, others_lr: float) -> None:
        self._model: Any = model
        self._optimizer, self._others_lr = optimizer_of(model), others_lr
        self._kind = type(self._optimizer)
        _check(self._kind)
        try:
            group_of = groups_of_variables([group], model)
        except InvalidDocument as error:
            (problem,) = error.problems
            raise ValueError(f"{problem.message} {problem.action}") from None
        self._multipliers = tf.Variable(tf.ones([2]), trainable=False)
        members = {"group_of": group_of, "momentum_name": None}
        self._optimizer.__class__ = type(self._kind.__name__, (Controlled, self._kind), members)
        self._optimizer.controls = Controls(multipliers=self._multipliers)
        self._model.train_function = None
        self._model.make_train_function()

    def turn(self, rate: float) -> None:
        """Before an update: the rate the optimizer was set to, > 0."""
        self._multipliers.assign([1.0, self._others_lr / rate])

    def remove(self) -> None:
        """One rate for all layers again."""
        self._optimizer.__class__ = self._kind
        del self._optimizer.controls
        self._model.train_function = None


def _check(kind: type) -> None:
    for row in OPTIMIZERS.values():
        if row.keras_class == kind.__name__ and not row.takes_groups:
            able = ", ".join(row.keras_class for row in OPTIMIZERS.values() if row.takes_groups)
            raise ValueError(
                f"{kind.__name__} computes its weights from sums over all updates, so that no layer group can have a rate "
                f"of its own: compile with one of {able}."
            )
