"""Keras optimizers from the specs of documents."""

from __future__ import annotations

from typing import Any

import keras

from lrsearch.training.catalog import OPTIMIZERS
from lrsearch.training.keras.schedule_free import ScheduleFreeAdamW
from lrsearch.training.plan import OptimizerSpec

OURS: dict[str, type[keras.optimizers.Optimizer]] = {"ScheduleFreeAdamW": ScheduleFreeAdamW}
"""Classes that stand in for those of Keras, whose docstrings say why."""


def build_optimizer(spec: OptimizerSpec) -> keras.optimizers.Optimizer:
    """The optimizer of a document, unbuilt, with a settable rate: a trainer sets it for each update."""
    row = OPTIMIZERS[spec.kind]
    given: dict[str, Any] = {
        name: _as_keras_takes_it(value, is_whole=row.hyperparameters[name].is_whole)
        for name, value in spec.hyperparameters().items()
    }
    rate = spec.learning_rate if spec.learning_rate is not None else row.default_lr
    kind: Any = OURS.get(row.keras_class) or getattr(keras.optimizers, row.keras_class)
    return kind(learning_rate=float(rate), **(row.fixed or {}), **given)


def on_one_device(optimizer: Any) -> Any:
    """The optimizer without the sum of its gradients over devices, of which a training has one.

    Whenever an update is traced, Keras has TensorFlow register a gradient for that sum. The registry holds on to the graph
    for as long as the process lives: 4 to 6 MB of every model trained without XLA.
    """
    optimizer._all_reduce_sum_gradients = list  # (gradient, variable) pairs as they are
    return optimizer


def _as_keras_takes_it(value: float | bool, *, is_whole: bool) -> float | bool | int:
    """Floats as floats: SGD refuses `momentum=0`."""
    return value if isinstance(value, bool) else int(value) if is_whole else float(value)
