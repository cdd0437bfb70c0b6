"""What a training ended with on its task, and what the rules had answered, in terms in which jobs can be compared."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from lrsearch.controllers import Controller
from lrsearch.training import catalog
from lrsearch.training.data_order import training_size
from lrsearch.training.plan import Plan
from lrsearch.training.trainer import Run, StopReason

Floats = NDArray[np.float64]

CONSTANT: Final = "constant"
"""Shape of a run at one rate."""
TEST: Final = "test_loss"
"""Yardstick of a run that held nothing out: the loss on the test set."""
_JUDGED: Final = frozenset({StopReason.COMPLETED, StopReason.EARLY_STOPPED, StopReason.DIVERGED, StopReason.NON_FINITE})
"""A run that was pruned or cancelled was cut short from outside: it says nothing of where its rate would have ended."""
_DIVERGED: Final = frozenset({StopReason.DIVERGED, StopReason.NON_FINITE})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended, in the terms in which trainings of different jobs can be compared.

    Outcomes are comparable when `task`, `yardstick`, `shape` and `updates` are the same.

    Attributes:
        task: digest of what was trained: model, data, optimizer, batch and all that changes an update, but the rate; see
            `task_of`.
        yardstick: which loss was measured: `test_loss`, or `val_loss` with the share of the training data held out for it.
        shape: `constant`, or a digest of how rate and momentum move over the run and of the controllers that may change it.
        updates: updates after which the loss was measured, or was to be measured.
        lr: greatest rate of the run, > 0.
        loss: held-out loss; infinite where the run diverged.
        first_loss: loss of the first batch, before any update; None where it is weighted by class.
        seed: seed of the run.
    """

    task: str
    yardstick: str
    shape: str
    updates: int
    lr: float
    loss: float
    first_loss: float | None
    seed: int


@dataclass(frozen=True, slots=True)
class Advice:
    """A rule's answer to the range tests of a job.

    Attributes:
        rule: its name; `race` for the winner of a race.
        metric: what the rule read: `loss`, `accuracy` or `val_loss`.
        verdict: the typed outcome.
        lr, min_lr, max_lr: as in a suggestion; None where the rule has none.
        task: as that of an `Outcome`.
        model, data, optimizer: names of their rows in the catalog.
    """

    rule: str
    metric: str
    verdict: str
    lr: float | None
    min_lr: float | None
    max_lr: float | None
    task: str
    model: str
    data: str
    optimizer: str


def task_of(plan: Plan) -> str:
    """Digest of everything that decides how well a rate does, but for the rate, the seed and the length.

    Part of it: model and data by name and parameters, optimizer and hyperparameters, samples an update, class weights,
    layer groups with their multipliers, precision and augmentation. What has its default counts as left out. Not part
    of it: the engine, metrics, validation, and the version of the software.

    Returns:
        32 hexadecimal digits.
    """
    # momentum that moves belongs to the shape
    variant = {name: value for name, value in plan.variant().items() if name != "cycles_momentum"}
    return _digest(
        {
            "model": [plan.model.kind, plan.model.name, _params(plan)],
            "data": plan.data.model_dump(mode="json"),
            "optimizer": [plan.optimizer.kind, _hyperparameters(plan)],
            "update_size": plan.update_size,
            "variant": variant,
            "multipliers": None if plan.multipliers is None else _numbers(_once(plan.multipliers)),
        }
    )


def _params(plan: Plan) -> dict[str, Any]:
    """Parameters of the model, those left out with their defaults."""
    row = catalog.models().get(plan.model.name)
    if row is None:
        return dict(plan.model.params)
    try:
        return row.params.model_validate(plan.model.params).model_dump(mode="json")
    except ValidationError:
        return dict(plan.model.params)


def _hyperparameters(plan: Plan) -> dict[str, float | bool]:
    """Hyperparameters that differ from Keras' defaults."""
    defaults = catalog.optimizers()[plan.optimizer.kind].hyperparameters
    given = plan.optimizer.hyperparameters()
    return {name: value for name, value in given.items() if name not in defaults or defaults[name].default != value}


def outcome_of(plan: Plan, run: Run, controllers: Sequence[Controller] = ()) -> Outcome | None:
    """The outcome of a run; None for a range test, a run cut short from outside, and one that measures nothing held out.

    Held-out is the validation share where there is one, after the last update at which it is measured; else the test set.
    """
    if plan.divergence is not None or run.stop_reason not in _JUDGED or not plan.steps or plan.rates.max() <= 0:
        return None
    measured = _yardstick(plan)
    if measured is None or not measured[1]:
        return None
    yardstick, updates = measured
    loss = math.inf if run.stop_reason in _DIVERGED else _held_out_loss(plan, run)
    if loss is None:
        return None
    first = float(run.curve.losses[0]) if len(run.curve) and plan.class_weight is None else None
    return Outcome(
        task=task_of(plan),
        yardstick=yardstick,
        shape=_shape(plan, updates, controllers),
        updates=updates,
        lr=float(plan.rates.max()),
        loss=loss if math.isfinite(loss) else math.inf,
        first_loss=first if first is not None and math.isfinite(first) else None,
        seed=plan.seed,
    )


def _yardstick(plan: Plan) -> tuple[str, int] | None:
    """Which loss is measured, and after how many updates."""
    validation = plan.validation
    if validation is None or validation.share is None:
        return (TEST, plan.steps) if plan.test else None
    every = validation.every_steps
    if every is None:
        row = catalog.datasets().get(plan.data.name)
        if row is None:
            return None
        every = -(-training_size(row.train_size, validation.share) // plan.update_size)
    return f"val_loss {validation.share:g}", plan.steps // every * every


def _held_out_loss(plan: Plan, run: Run) -> float | None:
    if plan.validation is None or plan.validation.share is None:
        return run.final.get(TEST)
    series = run.history if plan.validation.every_steps is None else run.validations
    values = series.get("val_loss", np.empty(0))
    return float(values[-1]) if len(values) else None


def _shape(plan: Plan, updates: int, controllers: Sequence[Controller]) -> str:
    """How the run moves, its greatest rate taken as 1; a constant rate has the same shape at every length."""
    if np.ptp(plan.rates) == 0 and plan.momenta is None and not controllers:
        return CONSTANT
    return _digest(
        {
            "rates": _numbers(plan.rates / plan.rates.max()),
            "momenta": None if plan.momenta is None else _numbers(plan.momenta),
            "controllers": [controller.model_dump(mode="json") for controller in controllers],
            "updates": updates,
        }
    )


def _once(multipliers: Floats) -> Floats:
    """Multipliers that never change, without the length of the run."""
    return multipliers[:1] if np.ptp(multipliers, axis=0).max(initial=0.0) == 0 else multipliers


def _numbers(values: Floats) -> str:
    """Digest of numbers to six decimals, in which rounding of the last bits does not show."""
    return hashlib.sha256((np.round(values, 6) + 0.0).tobytes()).hexdigest()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
