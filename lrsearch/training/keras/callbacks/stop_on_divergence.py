"""End anybody's `model.fit` as soon as its loss diverges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrsearch.curves import DivergenceRule, DivergenceWatch, Ended
from lrsearch.training.keras.callbacks.base import FitCallback
from lrsearch.training.keras.callbacks.batch_loss import MeanKeepingBatchLoss


class StopOnDivergence(FitCallback):
    """Stops the fit at the first batch whose true loss is not finite, or when the smoothed loss has risen too far.

    It looks at each batch's own loss; the running mean in logs and history stays what Keras makes it. With
    `steps_per_execution` N it looks at the mean of N batches.

    Args:
        rule: what counts as too far; see `lrsearch.curves.DivergenceRule`.
        monitor: name of the loss in the logs of a batch. Where a `train_step` of your own reports a metric of another
            name under it, the running mean is watched.

    Attributes:
        ended: `diverged`, `non_finite`, or None while all is well.
        stopped_at: number of the batch (or execution) of the fit at which it stopped, counted from 0, or None.
    """

    def __init__(self, rule: DivergenceRule = DivergenceRule(), monitor: str = "loss") -> None:  # noqa: B008
        super().__init__()
        self._rule, self._monitor = rule, monitor
        self.ended: Ended | None = None
        self.stopped_at: int | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Start with a new watch."""
        self.ended, self.stopped_at = None, None
        self._watch = DivergenceWatch(self._rule)
        self._losses = MeanKeepingBatchLoss(self.fitted, self._monitor, type(self).__name__)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """See to it that batches are seen; another callback may have made the train function anew."""
        self._losses.attach()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the loss of the batch."""
        stop = self._watch.feed([self._losses.last])
        if stop is not None:
            self.stopped_at, self.ended = stop
            self.fitted.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Leave the train function as it was."""
        self._losses.detach()
