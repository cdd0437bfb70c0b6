"""Measures the races: constant rates on four fifths of the training samples, judged on the last fifth after every epoch.

Adadelta's run on all rates its ground truth has, also those above 10, where the grid of the other optimizers ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import fresh, rows, unseen, wider
from benchmarks.regret.measure import (
    FOLDER,
    RACE_SEEDS,
    VERDICT_TASKS,
    measure_missing,
    named,
    padded,
    plan,
    rates_of,
    steps_per_epoch,
)
from benchmarks.regret.sizes import sizes
from benchmarks.regret.tasks import Task, tasks
from lrsearch.training.plan import Validation
from lrsearch.training.trainer import Run, Trainer

Floats = NDArray[np.float64]

HELD_OUT: Final = 0.2
"""Share of the training samples the runs are judged on, that of the default race."""


def everything() -> list[Task]:
    """The tasks of all sets, in the order in which the sets were written."""
    return [*tasks(), *fresh.tasks(), *wider.tasks(), *unseen.tasks()]


def dense() -> list[Task]:
    """All tasks but the convolutional ones, whose runs cannot be stacked: those that have races and further seeds."""
    return [task for task in everything() if not task.family.is_slow]


def path_of(task: Task) -> Path:
    """Where a finished task's races are kept."""
    return FOLDER / f"race-{task.name}.npz"


def constants() -> dict[str, float]:
    """Data set -> loss of the best answer that looks at no sample, of all tasks and of the cases for the verdicts."""
    rows.register()
    from lrsearch.training.keras.constant_loss import constant_loss_of

    listed = [*everything(), *VERDICT_TASKS.values()]
    return {name: constant_loss_of(name) for name in sorted({task.family.data for task in listed})}


def measure_all(only: Sequence[str] = ()) -> None:
    """Measure what is not measured yet, of tasks with one of some texts in their names; without any, of all."""
    measure_missing(named(dense(), only), path_of, _races)


def _races(task: Task, trainer: Trainer) -> dict[str, Any]:
    rates = 10.0 ** rates_of(task)
    runs = trainer.train([_plan(task, rate, seed) for rate in rates for seed in RACE_SEEDS])
    return {"race_validation": _ends(task, runs, len(rates))}


def _plan(task: Task, rate: float, seed: int) -> Any:
    return plan(task, np.full(task.family.updates, rate), seed, validation=Validation(HELD_OUT))


def _ends(task: Task, runs: Sequence[Run], rates: int) -> Floats:
    """Held-out losses after every epoch: shape (rates, seeds, epochs), infinite after a run's end."""
    found = [run.history.get("val_loss", np.empty(0)) for run in runs]
    # where every run diverged none has all epochs
    whole = task.family.updates // steps_per_epoch(task.family, sizes(task.family)[1], HELD_OUT)
    epochs = max(whole, *map(len, found))
    return np.stack([padded(one, epochs) for one in found]).reshape(rates, len(RACE_SEEDS), epochs)
