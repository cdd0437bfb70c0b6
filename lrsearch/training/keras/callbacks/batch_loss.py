"""The true loss of each batch: what Keras hands to callbacks is the running mean of the epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from lrsearch.training.keras.callbacks.train_function import Listener, TrainFunction

ops: Any = keras.ops  # the stub of Keras answers with None for every operation


class BatchLoss:
    """Makes a fit report each batch's own value by emptying the metrics before each batch.

    The epoch's mean is lost by that, which a range test does not need. Un-averaging the running mean instead would not
    do: after one loss of 1e9 its float32 sum no longer holds losses near 1.
    """

    def __init__(self, model: keras.Model, monitor: str, callback: str) -> None:
        self._model, self._monitor, self._callback = model, monitor, callback
        self._sums: list[tuple[Any, Any]] = []
        self._others: list[Any] = []
        self._batches = 0

    def begin(self) -> None:
        """Empty the metrics; call it before each batch."""
        if self._batches < 2:  # Keras makes metrics at the first batch
            self._batches += 1
            self._look()
        for variable, zero in self._sums:
            variable.assign(zero, read_value=False)
        for metric in self._others:
            metric.reset_state()

    def _look(self) -> None:
        """Tell means, whose sums are set to 0 directly in a fifth of the time, from other metrics."""
        metrics = [one for metric in self._model.metrics for one in _parts(metric)]
        means = [metric for metric in metrics if type(metric).reset_state is keras.metrics.Mean.reset_state]
        self._sums = [(variable.value, ops.zeros_like(variable)) for mean in means for variable in mean.variables]
        self._others = [metric for metric in metrics if metric not in means]

    def read(self, logs: Mapping[str, Any] | None) -> float:
        """The value of the batch, from the logs of its end.

        Raises:
            ValueError: the logs do not have it.
        """
        return monitored(logs, self._monitor, self._callback)


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
