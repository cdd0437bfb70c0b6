"""The race of `confirm: true`, replayed on stored losses: candidates on the benchmark's grid around a suggestion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.measure import GRID
from benchmarks.regret.truth import Measured
from lrsearch.experiments.race import Race, smoothed_places

Floats = NDArray[np.float64]

LENGTHS: Final = ("50 updates", "100 updates", "200 updates", "all updates")
"""The checkpoints of `Measured.race`."""


def winner(task: Measured, log_rate: float, race: Race, checkpoint: int, seeds: Sequence[int]) -> float:
    """log10 of the winner among the grid's rates next to the candidates of the race; NaN without a suggestion."""
    if np.isnan(log_rate):
        return np.nan
    middle = int(np.argmin(np.abs(GRID - log_rate)))
    half = race.candidates // 2
    part = slice(max(0, middle - half), min(len(GRID), middle + half + 1))
    losses = task.race[checkpoint][part][:, list(seeds)]
    pulled = race.pull * losses.shape[0] * (GRID[part] - GRID[middle]) ** 2
    return float(GRID[part][int(np.argmin(smoothed_places(losses) + pulled))])


def winners(tasks: Sequence[Measured], answers: Floats, race: Race, checkpoint: int) -> Floats:
    """log10 of the winners: shape (tasks, draws); draw i races with the seeds i, i+1, ... of the three stored ones."""
    return np.array(
        [
            [winner(task, x, race, checkpoint, [(i + j) % 3 for j in range(race.seeds)]) for i, x in enumerate(row)]
            for task, row in zip(tasks, answers, strict=True)
        ]
    )
