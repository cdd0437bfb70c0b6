"""Lower the rate of anybody's `model.fit` when the metric stalls."""

from __future__ import annotations

from typing import Any

from lrsearch import controllers
from lrsearch.training.keras.callbacks.controller_callback import ControllerCallback, controller_of


class ReduceOnPlateau(ControllerCallback):
    """Multiplies the rate by `factor` when the metric has not improved for `patience` epochs.

    As Keras' `ReduceLROnPlateau`, but its memory can be saved and restored, a metric that was not measured is passed
    over, and a first value that is NaN does not become the best for ever.

    Args:
        controller: the rule; or leave it out and pass its fields: `ReduceOnPlateau(patience=5, factor=0.5)`.
        fields: those of `lrsearch.controllers.ReduceOnPlateau`.
    """

    def __init__(self, controller: controllers.ReduceOnPlateau | None = None, **fields: Any) -> None:
        super().__init__(controller_of(controllers.ReduceOnPlateau, controller, fields))
