"""The race of `confirm: true`, replayed on stored losses: candidates on the benchmark's grid around a suggestion.

Where a draw has no suggestion the race is run around Keras' default rate, and a winner that has learned nothing is no answer,
as in a job; its control is stood for by `Measured.nothing`. A job's candidates lie around the suggestion itself, at most an eighth of a decade beside those of the replay, whose
losses are known. `moved` tells what that changes: the replay decides by the losses of its own candidates, and the job's
candidate in the same place is judged.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.evaluate import figures, regrets
from benchmarks.regret.fit import folds, kind_of
from benchmarks.regret.measure import GRID
from benchmarks.regret.truth import Measured
from lrsearch.experiments.held_out_check import learned
from lrsearch.experiments.race import Race, leading_edge, smoothed_places
from lrsearch.training import catalog

Floats = NDArray[np.float64]
Places = Callable[[Floats], Floats]

STEP: Final = float(GRID[1] - GRID[0])
"""Decades between the measured rates."""
LENGTHS: Final = ("50 updates", "100 updates", "200 updates", "all updates")
"""The checkpoints of `Measured.race`."""
DEFAULT_LENGTH: Final = 2
"""The checkpoint of the default race, 200 updates."""


def replay(
    task: Measured,
    log_rate: float,
    race: Race,
    checkpoint: int,
    seeds: Sequence[int],
    *,
    places: Places = smoothed_places,
) -> tuple[float, int]:
    """log10 of the winner among the measured rates next to the candidates, NaN where it has learned nothing; and the further rounds.

    A race goes on beyond its edge as far as rates were measured.
    """
    rates, stride = task.race_rates, round(race.spacing / STEP)
    middle = int(np.argmin(np.abs(rates - log_rate)))
    ends = np.array([-(race.candidates // 2), race.candidates // 2])
    further = 0
    while True:
        chosen = middle + stride * np.arange(ends[0], ends[1] + 1)
        chosen = chosen[(chosen >= 0) & (chosen < len(rates))]
        losses = task.race[checkpoint][chosen][:, list(seeds)]
        edge = leading_edge(losses, task.nothing) if further < race.widenings else 0
        if edge == 0 or not 0 <= chosen[-1 if edge > 0 else 0] + edge * stride < len(rates):
            break
        ends[1 if edge > 0 else 0] += edge * (race.candidates // 2)
        further += 1
    won = int(np.argmin(places(losses) + race.pulls(rates[chosen] - rates[middle])))
    return (float(rates[chosen[won]]) if learned(float(losses[won].mean()), task.nothing) else np.nan), further


def middles(tasks: Sequence[Measured], answers: Floats) -> Floats:
    """log10 of the rates that are raced around: the answers, and without one Keras' default for the optimizer."""
    defaults = [np.log10(catalog.optimizers()[kind_of(task)].default_lr) for task in tasks]
    return np.where(np.isnan(answers), np.array(defaults)[:, None], answers)


def replays(
    tasks: Sequence[Measured], answers: Floats, race: Race, checkpoint: int, places: Places = smoothed_places
) -> tuple[Floats, NDArray[np.int64]]:
    """log10 of the winners, and the further rounds: shapes (tasks, draws); draw i races with the seeds i, i+1, ... of three stored."""
    found = [
        [
            replay(task, x, race, checkpoint, [(i + j) % 3 for j in range(race.seeds)], places=places)
            for i, x in enumerate(row)
        ]
        for task, row in zip(tasks, middles(tasks, answers), strict=True)
    ]
    return np.array([[won for won, _ in row] for row in found]), np.array([[more for _, more in row] for row in found])


def winners(
    tasks: Sequence[Measured], answers: Floats, race: Race, checkpoint: int, places: Places = smoothed_places
) -> Floats:
    """log10 of the winners: shape (tasks, draws)."""
    return replays(tasks, answers, race, checkpoint, places)[0]


def moved(around: Floats, won: Floats) -> Floats:
    """The winners moved to the job's candidates: by the distance of what is raced around from the measured rate next to it."""
    return won + around - STEP * np.round(around / STEP)


def unsmoothed(losses: Floats) -> Floats:
    """Mean places without the neighbours': what the smoothing of `smoothed_places` is compared with."""
    filled = np.where(np.isfinite(losses), losses, np.inf)
    below = (filled[None, :, :] < filled[:, None, :]).sum(axis=1)
    equal = (filled[None, :, :] == filled[:, None, :]).sum(axis=1)
    found: Floats = (below + 0.5 * (equal + 1.0)).mean(axis=1)
    return found


PULLS: Final = (0.0, 0.05, 0.1, 0.2, 0.4)
SIZES: Final = (9, 11, 15)
SMOOTHINGS: Final[tuple[Places, ...]] = (smoothed_places, unsmoothed)


def chosen_anew(tasks: Sequence[Measured], answers: Floats) -> Floats:
    """Winners of the race whose pull, size and smoothing were chosen on the tasks of all other data sets.

    Chosen is the least sum of mean and 90 % quantile of the regret, as in the fit of the rule.
    """
    tried = {
        (race, places): winners(tasks, answers, race, DEFAULT_LENGTH, places)
        for race, places in itertools.product(
            [Race(candidates=size, pull=pull) for size, pull in itertools.product(SIZES, PULLS)], SMOOTHINGS
        )
    }
    lost = {choice: regrets(tasks, won) for choice, won in tried.items()}
    found = np.full_like(answers, np.nan)
    for train, out in folds(tasks):
        best = min(lost, key=lambda choice: _cost(lost[choice][train]))
        found[out] = tried[best][out]
    return found


def _cost(lost: Floats) -> float:
    summed = figures(lost)
    return summed.mean + summed.p90
