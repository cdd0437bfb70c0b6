"""The ground truth with further seeds: the noise of "best" is what keeps small regrets from being seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import files
from benchmarks.regret.measure import FOLDER, TRUTH_SEEDS, VANISHING, measure_missing, named, plan, rates_of
from benchmarks.regret.race_runs import dense
from benchmarks.regret.tasks import Task
from benchmarks.regret.truth import Measured, mean_losses
from lrsearch.training.trainer import Trainer

Floats = NDArray[np.float64]

FILE: Final = Path(__file__).resolve().parent.parent / "data" / "regret_seeds.npz.xz"
SEEDS: Final = range(3, 12)
"""Beside `TRUTH_SEEDS`."""
ALL: Final = len(TRUTH_SEEDS) + len(SEEDS)


def measure_all(only: Sequence[str] = ()) -> None:
    """Measure what is not measured yet, of tasks with one of some texts in their names; without any, of all."""
    measure_missing(named(dense(), only), _path_of, _truth)


def _truth(task: Task, trainer: Trainer) -> dict[str, Floats]:
    rates, updates = [VANISHING, *10.0 ** rates_of(task)], task.family.updates
    runs = trainer.train([plan(task, np.full(updates, rate), seed, test=True) for rate in rates for seed in SEEDS])
    losses = np.array([run.final.get("test_loss", np.inf) for run in runs])
    return {"truth": losses.reshape(-1, len(SEEDS))}


def pack() -> None:
    """Write the stored file: the means of the further seeds, of what was measured anew and of what the file had."""
    measured = [task for task in dense() if _path_of(task).exists()]
    known = means() | {task.name: mean_losses(np.load(_path_of(task))["truth"]) for task in measured}
    widest = max(map(len, known.values()))
    filled = [np.pad(losses, (0, widest - len(losses)), constant_values=np.nan) for losses in known.values()]
    files.write(FILE, {"names": np.array(list(known)), "losses": np.stack(filled).astype(np.float32)})


@cache
def means() -> dict[str, Floats]:
    """Task -> mean held-out losses of the further seeds at its rates, the vanishing one first."""
    if not FILE.exists():
        return {}
    stored: dict[str, Any] = files.read(FILE)
    filled = zip(stored["names"].tolist(), stored["losses"].astype(np.float64), strict=True)
    return {name: losses[~np.isnan(losses)] for name, losses in filled}


def joined(losses: Floats, name: str) -> Floats:
    """Mean over all seeds, from that over `TRUTH_SEEDS`; unchanged where a task has no others."""
    more = means().get(name)
    return losses if more is None else (len(TRUTH_SEEDS) * losses + len(SEEDS) * more) / ALL


def first_alone(task: Measured) -> Measured:
    """The task as `TRUTH_SEEDS` alone show it; unchanged where it has no others."""
    more = means().get(task.task.name)
    return task if more is None else replace(task, losses=(ALL * task.losses - len(SEEDS) * more) / len(TRUTH_SEEDS))


def _path_of(task: Task) -> Path:
    return FOLDER / f"seeds-{task.name}.npz"
