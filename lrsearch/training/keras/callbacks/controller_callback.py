"""What the callbacks around our controllers share: a state for each fit, its snapshot, the decisions carried out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

from lrsearch.controllers import Controller, ControllerState, Decision, SetRate
from lrsearch.controllers.base import MonitoringController
from lrsearch.training.keras.callbacks.base import FitCallback
from lrsearch.training.keras.callbacks.optimizer_access import rate_of, settable_rate


class ControllerCallback(FitCallback):
    """Asks a controller at the end of every epoch and carries out what it decides.

    Each fit starts afresh, unless `restore` was called before it.

    Attributes:
        state: the controller at work, after `fit` has begun.
        decisions: (epoch, decision) of every epoch of the last fit.
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.controller = controller
        self.state: ControllerState[Any, Any] = controller.start()
        self.decisions: list[tuple[int, Decision]] = []
        self._pending: Mapping[str, Any] | None = None

    def snapshot(self) -> dict[str, Any]:
        """What the controller remembers, JSON-able: save it beside the model."""
        return self.state.snapshot()

    def restore(self, snapshot: Mapping[str, Any]) -> Self:
        """Let the next fit go on from a snapshot.

        Raises:
            InvalidDocument: it is another controller's, or damaged.
        """
        self.controller.start().restore(snapshot)
        self._pending = dict(snapshot)
        return self

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Start afresh, or go on from the snapshot."""
        self._rate = settable_rate(self.fitted, type(self).__name__)
        self.state, self.decisions, self._has_warned = self.controller.start(), [], False
        pending, self._pending = self._pending, None
        if pending is not None:
            self.state.restore(pending)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask the controller and set the rate it answers with."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        self._warn_if_missing(metrics)
        if logs is not None:
            logs["learning_rate"] = rate_of(self.fitted)
        decision = self.decide(epoch, metrics)
        self.decisions.append((epoch, decision))
        if isinstance(decision, SetRate):
            self._rate.assign(decision.lr)

    def decide(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        """What to do after an epoch."""
        return self.state.at_epoch_end(epoch, metrics, rate_of(self.fitted))

    def _warn_if_missing(self, metrics: Mapping[str, float]) -> None:
        controller = self.controller
        if self._has_warned or not isinstance(controller, MonitoringController) or controller.monitor in metrics:
            return
        self._has_warned = True
        warnings.warn(
            f"{type(self).__name__} watches monitor={controller.monitor!r}, which was not measured in this epoch, so the "
            f"epoch is passed over; measured: {', '.join(metrics) or 'nothing'}. Pass validation_data to fit, or another "
            "monitor.",
            stacklevel=2,
        )


def controller_of(kind: type[Any], controller: Any, fields: Mapping[str, Any]) -> Any:
    """The controller given, or one made of its fields."""
    if controller is not None and fields:
        raise TypeError(f"{kind.__name__} got a controller and {', '.join(fields)} too: set them in the controller.")
    return kind(**fields) if controller is None else controller
