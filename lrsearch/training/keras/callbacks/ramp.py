"""The losses of a rising rate, update by update, and the range test that needs no fit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np

from lrsearch.curves import Curve, DivergenceRule, DivergenceWatch, Ended, Floats
from lrsearch.training.keras.callbacks.batch_loss import BatchLoss
from lrsearch.training.keras.callbacks.fit_state import restored
from lrsearch.training.keras.callbacks.optimizer_access import UpdateCounter, begin_whole_update, settable_rate
from lrsearch.training.keras.callbacks.train_function import bare

MOST_SKIPPED: Final = 64
"""Batches in a row without an update after which the gradients count as never finite: a loss scale of 2^15 is at 2^-49
by then."""


class RampRecorder:
    """Collects the loss of each update of a range test and says when it is over; a new recorder counts from 0.

    An update whose gradients come from several batches has the mean of their losses: all are computed with the weights
    before it.
    """

    def __init__(self, rates: Floats, rule: DivergenceRule | None, batches_per_update: int = 1) -> None:
        self._rates = rates
        self._watch = None if rule is None else DivergenceWatch(rule)
        self._most_parts = batches_per_update - 1 + MOST_SKIPPED
        self._parts: list[float] = []
        self._losses: list[float] = []
        self.ended: Ended | Literal["ramp"] | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is another update to make."""
        return self.ended is None

    @property
    def updates(self) -> int:
        """Updates recorded."""
        return len(self._losses)

    @property
    def rate(self) -> float:
        """Rate of the next update."""
        return float(self._rates[self.updates])

    @property
    def curve(self) -> Curve:
        """What was recorded so far."""
        return Curve(self._rates[: self.updates], self._losses)

    def add(self, loss: float, has_updated: bool) -> None:
        """Take in the loss of a batch, and whether the optimizer made its update after it."""
        self._parts.append(loss)
        if math.isfinite(loss) and not has_updated:
            if len(self._parts) > self._most_parts:
                self._close(math.nan)
            return
        self._close(math.fsum(self._parts) / len(self._parts) if math.isfinite(loss) else loss)

    def _close(self, loss: float) -> None:
        self._parts = []
        self._losses.append(loss)
        stop = None if self._watch is None else self._watch.feed([loss])
        if stop is not None:
            self.ended = stop[1]
        elif self.updates == len(self._rates):
            self.ended = "ramp"


def probe(model: Any, batches: Iterator[Any], rates: Floats, callback: str) -> Curve:
    """A range test in the middle of a fit: the model's own compiled train step on given batches; all is put back.

    Args:
        model: a compiled model.
        batches: what `train_step` takes, as many as there are; the test ends with them.
        rates: shape (n,), the rate of each update.
        callback: who asks, for messages.

    Returns:
        The rates and true batch losses, up to where the loss diverged.
    """
    rate = settable_rate(model, callback)
    with restored(model):
        begin_whole_update(model)
        counter, losses = UpdateCounter(model), BatchLoss(model, "loss", callback)
        recorder = RampRecorder(rates, DivergenceRule())
        model.make_train_function()
        step = bare(model.train_function)
        for batch in batches:
            rate.assign(np.float32(recorder.rate))
            losses.begin()
            recorder.add(losses.read(step(iter((batch,)))), counter.has_updated())
            if not recorder.is_running:
                break
        return recorder.curve
