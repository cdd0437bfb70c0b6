"""The reference: `model.fit` with a correct per-batch callback, as a notebook does."""

from __future__ import annotations

from typing import Any

import keras

from lrsearch.training.data_order import DataOrder
from lrsearch.training.keras.prepared import prepare, splits_of
from lrsearch.training.plan import Plan

WORDS = (
    "`model.fit` with a correct per-batch callback (rates set before each batch, each batch's own loss kept), the model "
    "built and compiled anew as a notebook does"
)
"""What the reference is, for the page."""


class SetRateKeepLoss(keras.callbacks.Callback):
    """A correct learning-rate finder: rates set before each batch, its own loss kept, not Keras' running mean."""

    def __init__(self, rates: Any) -> None:
        super().__init__()
        self._rates, self.losses = iter(rates), list[float]()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Forget the batches before and set the rate."""
        self.model.reset_metrics()
        self.model.optimizer.learning_rate = float(next(self._rates))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the batch's loss."""
        self.losses.append(logs["loss"])


def plain_fit(plan: Plan) -> list[float]:
    """Build, compile and fit; the batch losses."""
    prepared = prepare(plan)
    splits = splits_of(plan, prepared.data)
    order = DataOrder(len(splits.train[0]), plan.batch_size, plan.seed)
    recorder = SetRateKeepLoss(plan.rates)
    epochs, rest = divmod(plan.steps, order.steps_per_epoch)
    prepared.model.fit(
        *splits.train,
        batch_size=plan.batch_size,
        epochs=epochs or 1,
        steps_per_epoch=rest if not epochs else None,
        validation_data=splits.held_out if plan.validation is not None else None,
        callbacks=[recorder],
        verbose=0,
    )
    return recorder.losses
