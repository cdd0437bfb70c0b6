"""The engine's one verb, `train(plans, observer) -> runs`, and the values it exchanges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lrsearch.curves import Curve
from lrsearch.training.plan import Checkpoint, Plan


class StopReason(StrEnum):
    """Why a run ended. All of them are results; a fault is an exception."""

    COMPLETED = "completed"
    DIVERGED = "diverged"
    NON_FINITE = "non_finite"
    PRUNED = "pruned"
    CANCELLED = "cancelled"
    EARLY_STOPPED = "early_stopped"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """What one chunk of a run measured.

    Attributes:
        first_step: step of `losses[0]`, counted from 0.
        losses: shape (k,), float64: true batch losses of the chunk's updates.
        epoch: number of epochs finished, when the chunk ends one, else None; of a plan that is not steered it may end several.
        metrics: metrics of the epoch finished last (`loss`, `accuracy`, `val_loss`, ...), empty within an epoch.
        checkpoint: makes a checkpoint of the state after this chunk; costs a copy of the weights, call it sparingly.
    """

    first_step: int
    losses: NDArray[np.float64]
    epoch: int | None
    metrics: dict[str, float]
    checkpoint: Callable[[], Checkpoint]


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End this run here; what was measured so far is kept."""

    reason: StopReason


@dataclass(frozen=True, slots=True, eq=False)
class SetRates:
    """Go on with other rates, as controllers do: shape (remaining updates,), float64."""

    rates: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """Run a range test from here with the given rates, then go on from here; `answer` receives its curve and returns the rates of the remaining updates."""

    rates: NDArray[np.float64]
    answer: Callable[[Curve], NDArray[np.float64]]


Answer = Continue | Stop | SetRates | Probe
Observer = Callable[[int, Segment], Answer]
"""Called between chunks with (index of the plan, segment)."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What one training measured.

    Attributes:
        curve: rates and true batch losses of the updates that were made, up to and including the step it stopped at.
        stop_reason: why it ended.
        stopped_at: step it stopped at, or None when completed.
        history: per-epoch series, name -> shape (epochs,), float64.
        batch_metrics: metrics on the batch of each update, name -> shape (updates,), float64.
        validations: metrics of a validation every so many steps, name -> shape (validations,), float64.
        final: metrics at the end (`test_loss`, `test_accuracy`, ...).
        engine: name of the trainer.
        engine_facts: choices that matter for the figures (xla and why, stack size, device), JSON-able.
        seconds: wall-clock seconds by phase (`build`, `train`, ...); of a stack, the run's share.
    """

    curve: Curve
    stop_reason: StopReason
    stopped_at: int | None
    engine: str
    history: dict[str, NDArray[np.float64]] = field(default_factory=dict[str, NDArray[np.float64]])
    batch_metrics: dict[str, NDArray[np.float64]] = field(default_factory=dict[str, NDArray[np.float64]])
    validations: dict[str, NDArray[np.float64]] = field(default_factory=dict[str, NDArray[np.float64]])
    final: dict[str, float] = field(default_factory=dict[str, float])
    engine_facts: dict[str, object] = field(default_factory=dict[str, object])
    seconds: dict[str, float] = field(default_factory=dict[str, float])


def go_on(index: int, segment: Segment) -> Answer:
    """The observer that only watches."""
    return Continue()


class Trainer(Protocol):
    """Trains plans; a batch of them, so that plans which share model, data and batch size can be stacked."""

    name: str

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """Train every plan and return its run, in the order of the plans.

        Raises:
            DataUnavailable: the data is not here and cannot be had.
        """
        ...
