"""The true loss of each batch: what Keras hands to callbacks is the running mean of the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from lrsearch.training.keras.callbacks.train_function import Listener, TrainFunction

ops: Any = keras.ops  # the stub of Keras answers with None for every operation


class BatchLoss:
    """Makes a fit report each batch's own value by emptying the metrics before each batch.

    The epoch's mean is lost by that, which a range test does not need. Un-averaging the running mean instead would not
    do: after one loss of 1e9 its float32 sum no longer holds losses near 1. Where the value is the loss of Keras' own
    `train_step`, no other metric need be emptied.
    """

    def __init__(self, model: Any, monitor: str, callback: str) -> None:
        self._model, self._monitor, self._callback = model, monitor, callback
        self._is_loss = monitor == "loss" and type(model).train_step is keras.Model.train_step
        self._clear: list[Callable[[], Any]] = []
        self._batches = 0

    def begin(self) -> None:
        """Empty the metrics; call it before each batch."""
        if self._batches < 2:  # Keras makes metrics at the first batch
            self._batches += 1
            self._clear = self._ways()
        for clear in self._clear:
            clear()

    def _ways(self) -> list[Callable[[], Any]]:
        """How to empty each metric: means, whose sums are set to 0 directly in a tenth of the time, and others."""
        metrics = [one for metric in self._model.metrics for one in _parts(metric)]
        if self._is_loss:
            metrics = [metric for metric in metrics if metric is self._model._loss_tracker] or metrics
        ways: list[Callable[[], Any]] = []
        for metric in metrics:
            if type(metric).reset_state is keras.metrics.Mean.reset_state:
                assigns = [Assignment(self._model, variable) for variable in metric.variables]
                ways += [partial(assign, ops.zeros_like(assign.variable)) for assign in assigns]
            else:
                ways.append(metric.reset_state)
        return ways

    def read(self, logs: Mapping[str, Any] | None) -> float:
        """The value of the batch, from the logs of its end.

        Raises:
            ValueError: the logs do not have it.
        """
        return monitored(logs, self._monitor, self._callback)


class Assignment:
    """Sets a variable to a tensor of its type between two batches, without the 10 to 50 us of Keras and TensorFlow."""

    def __init__(self, model: Any, variable: Any) -> None:
        self.variable = variable
        # a variable with copies on several devices has no handle of its own
        self._handle = variable.value.handle if model.distribute_strategy.num_replicas_in_sync == 1 else None

    def __call__(self, value: Any) -> None:
        """Set it."""
        if self._handle is None:
            self.variable.assign(value)
        else:
            tf.raw_ops.AssignVariableOp(resource=self._handle, value=value)


def _parts(metric: Any) -> list[Any]:
    """The metrics that a compiled group of them holds, or the metric itself."""
    return list(metric.metrics) if hasattr(metric, "metrics") else [metric]


class MeanKeepingBatchLoss(Listener):
    """Knows each batch's own loss and leaves the running mean, and so a fit's logs, as Keras makes them.

    It empties the loss before the batch and adds what was there again afterwards, in float32 as Keras does.

    Attributes:
        last: the loss of the last batch (with `steps_per_execution` N, the mean of N batches); NaN before the first.
    """

    def __init__(self, model: Any, monitor: str, callback: str) -> None:
        super().__init__(model)
        self._monitor, self._callback = monitor, callback
        self.last = math.nan

    def call(self, inner: TrainFunction, iterator: Iterator[Any]) -> Any:
        """Train on a batch and read its own loss."""
        trackers = [m for m in self._model.metrics if type(m) is keras.metrics.Mean and m.name == self._monitor]
        variables = [variable for tracker in trackers for variable in tracker.variables]
        before = [ops.convert_to_tensor(variable) + 0.0 for variable in variables]
        for variable in variables:
            variable.assign(0.0)
        try:
            logs = inner(iterator)
            self.last = monitored(logs, self._monitor, self._callback)
        finally:  # also at the end of the data, when there was no batch
            for variable, value in zip(variables, before, strict=True):
                variable.assign_add(value)
        return logs | {tracker.name: tracker.result() for tracker in trackers}


def monitored(logs: Mapping[str, Any] | None, monitor: str, callback: str) -> float:
    """The monitored value in the logs of a batch.

    Raises:
        ValueError: there is none; the message says what there is.
    """
    if logs is None or monitor not in logs:
        given = ", ".join(logs or {}) or "nothing"
        raise ValueError(
            f"{callback} watches {monitor!r}, and train_step answered with {given}: return {monitor!r} from train_step, "
            f"or pass monitor= with one of those names."
        )
    return float(logs[monitor])
