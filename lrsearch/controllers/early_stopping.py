"""End a training whose metric does not improve any more."""

from __future__ import annotations

from typing import Literal

from lrsearch.controllers.base import (
    ControllerState,
    Decision,
    KeepRate,
    Memory,
    Metrics,
    MinDelta,
    MonitoringController,
    NonNegativeInt,
    SaveBest,
    StopTraining,
)


class EarlyStopping(MonitoringController):
    """Stop after `patience` epochs without improvement.

    Decides as Keras' `EarlyStopping` does, but for a first value that is NaN, which does not become the best for ever.
    With `restore_best` it answers `SaveBest` at every improvement, so that there is something to go back to.

    Example:
        >>> state = EarlyStopping(patience=1).start()
        >>> state.at_epoch_end(0, {"val_loss": 1.0}, lr=0.1)
        KeepRate(why='')
        >>> state.at_epoch_end(1, {"val_loss": 2.0}, lr=0.1).best_epoch
        0
    """

    cites = ("Prechelt 1998, Early stopping - but when?, section 2 (UP criteria).", "Keras, EarlyStopping.")

    kind: Literal["early_stopping"] = "early_stopping"
    patience: NonNegativeInt = 10
    """Epochs without improvement before it stops."""
    min_delta: MinDelta = 0.0
    """Smallest change that counts as improvement, in the metric's unit, >= 0."""
    baseline: float | None = None
    """Value the metric must beat within `patience` epochs, or None."""
    start_from_epoch: NonNegativeInt = 0
    """Epochs before this one, counted from 0, are passed over."""
    restore_best: bool = False
    """Go back to the best weights at the end."""

    def start(self) -> EarlyStoppingState:
        """A fresh state."""
        return EarlyStoppingState(self, EarlyStoppingMemory())


class EarlyStoppingMemory(Memory):
    """What it remembers."""

    kind: Literal["early_stopping"] = "early_stopping"
    best: float | None = None
    """Best metric so far."""
    best_epoch: NonNegativeInt | None = None
    """Its epoch, counted from 0."""
    wait: NonNegativeInt = 0
    """Epochs since it improved (and beat the baseline)."""


class EarlyStoppingState(ControllerState[EarlyStopping, EarlyStoppingMemory]):
    """`EarlyStopping` at work."""

    def at_epoch_end(self, epoch: int, metrics: Metrics, lr: float) -> Decision:
        """Go on, save the best, or stop."""
        rule = self.controller
        value = rule.reading(metrics)
        if value is None:
            return rule.not_measured(metrics)
        if epoch < rule.start_from_epoch:
            return KeepRate()
        if rule.is_better(value, self.memory.best, rule.min_delta):
            return self._improved(epoch, value)
        self.memory = self.memory.model_copy(update={"wait": self.memory.wait + 1})
        if self.memory.wait >= rule.patience and epoch > 0:
            return StopTraining(self._reason(), self.memory.best_epoch, rule.restore_best)
        return KeepRate()

    def _improved(self, epoch: int, value: float) -> Decision:
        """A new best; waiting starts anew only when the baseline is beaten too, as in Keras."""
        rule = self.controller
        is_above_baseline = rule.baseline is None or rule.is_better(value, rule.baseline, rule.min_delta)
        wait = 0 if is_above_baseline else self.memory.wait + 1
        self.memory = self.memory.model_copy(update={"best": value, "best_epoch": epoch, "wait": wait})
        return SaveBest(epoch, value) if rule.restore_best else KeepRate()

    def _reason(self) -> str:
        rule, memory = self.controller, self.memory
        best = (
            "nothing finite was measured"
            if memory.best is None
            else f"best {memory.best:g} in epoch {memory.best_epoch}"
        )
        goal = "" if rule.baseline is None else f" or not beaten the baseline {rule.baseline:g}"
        return (
            f"{rule.monitor} has not improved by more than {rule.min_delta:g}{goal} for {memory.wait} epochs; {best}."
        )
