"""What every controller is: a validated spec that starts a state, which decides at epoch ends; no training here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, Self, TypeVar

from pydantic import Field, TypeAdapter, model_validator

from lrsearch.curves import Curve, Floats, ramp_rates
from lrsearch.spec import Spec, broken, validate

Metrics = Mapping[str, float | None]
"""Metrics of a finished epoch, as Keras logs them: `loss`, `val_loss`, `accuracy`, ..."""

NonNegativeInt = Annotated[int, Field(ge=0, strict=True)]
MinDelta = Annotated[float, Field(ge=0, strict=True)]

RISING: Final = ("acc", "auc", "precision", "recall", "f1", "r2", "iou", "dice", "top_k")
"""Parts of names of metrics that are better when greater."""
FALLING: Final = ("loss", "error", "mse", "mae", "mape", "msle", "rmse", "entropy", "perplexity")
"""Parts of names of metrics that are better when smaller."""


@dataclass(frozen=True, slots=True)
class KeepRate:
    """Go on as it is; `why` is empty unless there is something to say."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class SetRate:
    """Go on with this learning rate."""

    lr: float
    why: str


@dataclass(frozen=True, slots=True)
class StopTraining:
    """End the training.

    Attributes:
        reason: one sentence.
        best_epoch: epoch with the best metric, counted from 0, or None when none was measured.
        restore_best: whether to go back to the weights last saved by `SaveBest`.
    """

    reason: str
    best_epoch: int | None
    restore_best: bool


@dataclass(frozen=True, slots=True)
class ProbeRange:
    """Make a range test from here, restore everything, and hand its curve to `at_probe_end`."""

    min_lr: float
    max_lr: float
    steps: int
    why: str

    def rates(self) -> Floats:
        """Learning rates of the test, exponential: shape (steps,), float64."""
        return ramp_rates(self.min_lr, self.max_lr, self.steps)


@dataclass(frozen=True, slots=True)
class SaveBest:
    """Keep the weights of this epoch: they are the best so far."""

    epoch: int
    value: float


Decision = KeepRate | SetRate | StopTraining | ProbeRange | SaveBest


class Controller(Spec):
    """A closed loop: it watches a metric at epoch ends and decides. The spec is frozen; what it remembers is its state."""

    @abstractmethod
    def start(self) -> ControllerState[Any, Any]:
        """A fresh state, for one training."""


class Memory(Spec):
    """All a state remembers: JSON-able, so that a checkpoint holds it exactly (floats survive JSON to the last bit)."""


ControllerT = TypeVar("ControllerT", bound=Controller)
MemoryT = TypeVar("MemoryT", bound=Memory)


class ControllerState(ABC, Generic[ControllerT, MemoryT]):
    """A controller at work in one training.

    Attributes:
        controller: its spec.
        memory: what it remembers; replaced, never changed.
    """

    def __init__(self, controller: ControllerT, memory: MemoryT) -> None:
        self.controller: ControllerT = controller
        self.memory: MemoryT = memory

    @abstractmethod
    def at_epoch_end(self, epoch: int, metrics: Metrics, lr: float) -> Decision:
        """Decide after an epoch.

        Args:
            epoch: the finished epoch, counted from 0.
            metrics: its metrics. A monitored one that is missing or None was not measured: the epoch is passed over,
                nothing is counted. One that is NaN or infinite counts as an epoch without improvement.
            lr: learning rate of the epoch's last update.
        """

    def at_probe_end(self, curves: Curve | Sequence[Curve], optimizer: str | None = None) -> Decision:
        """Decide after the range test that `ProbeRange` asked for.

        Raises:
            RuntimeError: this controller did not ask for one.
        """
        raise RuntimeError(f"{type(self).__name__} did not ask for a range test: only answer a ProbeRange decision.")

    def snapshot(self) -> dict[str, Any]:
        """The memory as JSON-able document; `restore` takes it."""
        return self.memory.model_dump(mode="json")

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on exactly where `snapshot` was taken.

        Raises:
            InvalidDocument: the snapshot is another controller's, or damaged.
        """
        self.memory = validate(TypeAdapter(type(self.memory)), dict(snapshot))


class MonitoringController(Controller):
    """A controller that watches one metric."""

    monitor: Annotated[str, Field(min_length=1)] = "val_loss"
    """Name of the metric, as Keras logs it."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Whether smaller or greater is better; auto knows from the name of a loss, error or accuracy-like metric."""

    @model_validator(mode="after")
    def _has_direction(self) -> Self:
        if self.mode == "auto" and self._is_rising() == self._is_falling():
            raise broken(
                "mode",
                "direction_unknown",
                f"the name {self.monitor!r} does not tell whether the metric is better when smaller or greater.",
                'Set mode to "min" or "max".',
            )
        return self

    def reading(self, metrics: Metrics) -> float | None:
        """The monitored metric, or None when it was not measured."""
        value = metrics.get(self.monitor)
        return None if value is None else float(value)

    def not_measured(self, metrics: Metrics) -> KeepRate:
        """The decision where `reading` is None."""
        measured = ", ".join(name for name, value in metrics.items() if value is not None) or "nothing"
        return KeepRate(f"{self.monitor} was not measured in this epoch, so it was passed over; measured: {measured}.")

    def is_better(self, value: float, best: float | None, min_delta: float = 0.0) -> bool:
        """Whether `value` is finite and beats `best` by more than `min_delta` (any finite value beats None)."""
        if not math.isfinite(value):
            return False
        if best is None:
            return True
        is_max = self.mode == "max" or (self.mode == "auto" and self._is_rising())
        return value - min_delta > best if is_max else value + min_delta < best

    def _is_rising(self) -> bool:
        return any(part in self.monitor.lower() for part in RISING)

    def _is_falling(self) -> bool:
        return any(part in self.monitor.lower() for part in FALLING)


class PlateauMemory(Memory):
    """What plateau controllers remember."""

    best: float | None = None
    """Best metric so far."""
    wait: NonNegativeInt = 0
    """Epochs since it improved."""
    cooldown_left: NonNegativeInt = 0
    """Epochs in which waiting is not counted."""


PlateauMemoryT = TypeVar("PlateauMemoryT", bound=PlateauMemory)


class PlateauController(MonitoringController):
    """A controller that acts when the metric has stalled."""

    patience: NonNegativeInt = 10
    """Epochs without improvement before it acts; 0 acts like 1."""
    min_delta: MinDelta = 1e-4
    """Smallest change that counts as improvement, in the metric's unit, >= 0."""
    cooldown: NonNegativeInt = 0
    """Epochs after it acted in which waiting is not counted."""

    def watch(self, memory: PlateauMemoryT, value: float) -> tuple[PlateauMemoryT, bool]:
        """The memory after an epoch with this value, and whether the metric has stalled; the order of steps is Keras'."""
        cooldown_left, wait = memory.cooldown_left, memory.wait
        if cooldown_left > 0:
            cooldown_left, wait = cooldown_left - 1, 0
        if self.is_better(value, memory.best, self.min_delta):
            return memory.model_copy(update={"best": value, "wait": 0, "cooldown_left": cooldown_left}), False
        wait += cooldown_left == 0
        is_stalled = cooldown_left == 0 and wait >= self.patience
        return memory.model_copy(update={"wait": wait, "cooldown_left": cooldown_left}), is_stalled

    def stalled(self, memory: PlateauMemory) -> str:
        """The sentence that says so."""
        return f"{self.monitor} has not improved by more than {self.min_delta:g} for {memory.wait} epochs"
