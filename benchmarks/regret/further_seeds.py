"""The ground truth with further seeds: the noise of "best" is what keeps small regrets from being seen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import files, rows
from benchmarks.regret.measure import FOLDER, TRUTH_SEEDS, VANISHING, plan, rates_of
from benchmarks.regret.race_runs import dense
from benchmarks.regret.tasks import Task
from benchmarks.regret.truth import Measured, mean_losses

Floats = NDArray[np.float64]

FILE: Final = Path(__file__).resolve().parent.parent / "data" / "regret_seeds.npz.xz"
SEEDS: Final = range(3, 12)
"""Beside `TRUTH_SEEDS`."""


def measure_all(only: Sequence[str] = ()) -> None:
    """Measure what is not measured yet, of tasks with one of some texts in their names; without any, of all."""
    rows.register()
    from lrsearch.training.keras import default_trainer

    FOLDER.mkdir(parents=True, exist_ok=True)
    for task in dense():
        path = _path_of(task)
        if not path.exists() and (not only or any(text in task.name for text in only)):
            began, updates = time.perf_counter(), task.family.updates
            rates = [VANISHING, *10.0 ** rates_of(task)]
            plans = [plan(task, np.full(updates, rate), seed, test=True) for rate in rates for seed in SEEDS]
            losses = np.array([run.final.get("test_loss", np.inf) for run in default_trainer().train(plans)])
            np.savez_compressed(path, truth=losses.reshape(-1, len(SEEDS)))
            print(f"{path.name}: {time.perf_counter() - began:.1f} s", flush=True)


def pack() -> None:
    """Write the stored file: the means of the further seeds, of what was measured anew and of what the file had."""
    known: dict[str, Floats] = means()
    known |= {task.name: mean_losses(np.load(_path_of(task))["truth"]) for task in dense() if _path_of(task).exists()}
    widest = max(map(len, known.values()))
    rows_ = [np.pad(losses, (0, widest - len(losses)), constant_values=np.nan) for losses in known.values()]
    files.write(FILE, {"names": np.array(list(known)), "losses": np.stack(rows_).astype(np.float32)})


def means() -> dict[str, Floats]:
    """Task -> mean held-out losses of the further seeds at its rates, the vanishing one first."""
    if not FILE.exists():
        return {}
    stored: dict[str, Any] = files.read(FILE)
    rows_ = zip(stored["names"].tolist(), stored["losses"].astype(np.float64), strict=True)
    return {name: losses[~np.isnan(losses)] for name, losses in rows_}


def joined(losses: Floats, name: str) -> Floats:
    """Mean over all seeds, from that over `TRUTH_SEEDS`; unchanged where a task has no others."""
    more = means().get(name)
    if more is None:
        return losses
    first = len(TRUTH_SEEDS)
    return (first * losses + len(SEEDS) * more) / (first + len(SEEDS))


def first_alone(task: Measured) -> Measured:
    """The task as `TRUTH_SEEDS` alone show it; unchanged where it has no others."""
    more = means().get(task.task.name)
    if more is None:
        return task
    first = len(TRUTH_SEEDS)
    return replace(task, losses=((first + len(SEEDS)) * task.losses - len(SEEDS) * more) / first)


def _path_of(task: Task) -> Path:
    return FOLDER / f"seeds-{task.name}.npz"
