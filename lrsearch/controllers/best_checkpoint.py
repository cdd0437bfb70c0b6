"""Keep the weights of the best epoch."""

from __future__ import annotations

from typing import Literal

from lrsearch.controllers.base import (
    ControllerState,
    Decision,
    KeepRate,
    Memory,
    Metrics,
    MonitoringController,
    NonNegativeInt,
    SaveBest,
)


class BestCheckpoint(MonitoringController):
    """Save whenever the metric is better than ever before (Keras' `ModelCheckpoint` with save_best_only).

    Example:
        >>> state = BestCheckpoint(monitor="val_accuracy").start()
        >>> state.at_epoch_end(0, {"val_accuracy": 0.5}, lr=0.1)
        SaveBest(epoch=0, value=0.5)
    """

    cites = ("Keras, ModelCheckpoint.",)

    kind: Literal["best_checkpoint"] = "best_checkpoint"
    threshold: float | None = None
    """Value the metric must beat before anything is saved, or None."""

    def start(self) -> BestCheckpointState:
        """A fresh state."""
        return BestCheckpointState(self, BestCheckpointMemory(best=self.threshold))


class BestCheckpointMemory(Memory):
    """What it remembers."""

    kind: Literal["best_checkpoint"] = "best_checkpoint"
    best: float | None = None
    """Best metric so far, at first the threshold."""
    best_epoch: NonNegativeInt | None = None
    """Epoch last saved, counted from 0."""


class BestCheckpointState(ControllerState[BestCheckpoint, BestCheckpointMemory]):
    """`BestCheckpoint` at work."""

    def at_epoch_end(self, epoch: int, metrics: Metrics, lr: float) -> Decision:
        """Save, or go on."""
        value = self.controller.reading(metrics)
        if value is None:
            return self.controller.not_measured(metrics)
        if not self.controller.is_better(value, self.memory.best):
            return KeepRate()
        self.memory = self.memory.model_copy(update={"best": value, "best_epoch": epoch})
        return SaveBest(epoch, value)
