"""Where the two numbers in `consensus` come from, and what they are worth on tasks they were not fitted on.

A third one, a shift for each optimizer, is fitted here too, to show that it improves nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.evaluate import ours
from benchmarks.regret.tasks import OPTIMIZERS
from benchmarks.regret.truth import Measured
from lrsearch.suggestions.consensus import Consensus

Floats = NDArray[np.float64]

STEPS: Final[Floats] = np.round(np.arange(-1.5, 1.51, 0.05), 2)
"""Shifts that are tried, decades."""
SHARES: Final = (0.25, 0.3, 0.35, 0.4, 0.45)
"""Values of `Consensus.share` that are tried."""
STARTS: Final = (0.05, 0.1, 0.15, 0.2, 0.25)
"""Values of `Consensus.start` that are tried; beyond a quarter it is no longer the start of a fall (`Reading.edge`)."""
PENALTY: Final = 0.5
"""Regret a decade of shift must save, summed over an optimizer's tasks, before it is believed (times its square)."""
LEAST: Final = 0.1
"""Smaller shifts are left out of the table."""

Shifts = Mapping[str, float]


def kind_of(task: Measured) -> str:
    """What a rule is told of the optimizer: its kind, without its momentum."""
    return str(OPTIMIZERS[task.task.optimizer]["kind"])


def regret_by_shift(tasks: Sequence[Measured], answers: Floats) -> Floats:
    """Mean regret over the draws of each task, by shift: shape (tasks, shifts); 0 where no draw had an answer."""
    return np.stack([_by_shift(task, row[~np.isnan(row)]) for task, row in zip(tasks, answers, strict=True)])


def _by_shift(task: Measured, known: Floats) -> Floats:
    if known.size == 0:
        return np.zeros(len(STEPS))
    best = float(task.losses.min())
    losses = np.interp(known[:, None] + STEPS, task.log_rates, task.losses)
    return ((losses - best) / (float(task.losses[0]) - best)).mean(axis=0)


def fitted(table: Floats, kinds: Sequence[str]) -> dict[str, float]:
    """Shift of each optimizer kind: least sum of regrets over its tasks + PENALTY shift^2, smoothed over 0.25 decades."""
    found: dict[str, float] = {}
    for kind in sorted(set(kinds)):
        total = table[[k == kind for k in kinds]].sum(axis=0)
        smooth = np.convolve(np.pad(total, 2, mode="edge"), np.full(5, 0.2), "valid")
        shift = float(STEPS[int(np.argmin(smooth + PENALTY * STEPS**2))])
        if abs(shift) >= LEAST:
            found[kind] = shift
    return found


def folds(tasks: Sequence[Measured]) -> Iterator[tuple[list[int], list[int]]]:
    """(train, held out) by data set: no model on data of the held-out tasks is trained on."""
    groups = [task.task.family.group for task in tasks]
    for group in sorted(set(groups)):
        yield _split([g == group for g in groups])


def folds_by_optimizer(tasks: Sequence[Measured]) -> Iterator[tuple[list[int], list[int]]]:
    """(train, held out) by optimizer kind: what an optimizer nobody measured may expect."""
    kinds = [kind_of(task) for task in tasks]
    for kind in sorted(set(kinds)):
        yield _split([k == kind for k in kinds])


def _split(held_out: Sequence[bool]) -> tuple[list[int], list[int]]:
    return [i for i, out in enumerate(held_out) if not out], [i for i, out in enumerate(held_out) if out]


class Fit:
    """All answers of `consensus` without shift, for every pair of constants that is tried."""

    def __init__(self, tasks: Sequence[Measured]) -> None:
        self.tasks, self.kinds = tasks, [kind_of(task) for task in tasks]
        self.answers = {
            (share, start): ours(tasks, lambda _, a=share, b=start: Consensus(share=a, start=b))
            for share, start in itertools.product(SHARES, STARTS)
        }
        self.tables = {pair: regret_by_shift(tasks, answers) for pair, answers in self.answers.items()}

    def constants(self, train: Sequence[int]) -> tuple[float, float]:
        """Share and start with the least sum of mean and 90 % quantile of the regret over some tasks."""
        zero = int(np.flatnonzero(STEPS == 0.0)[0])

        def cost(pair: tuple[float, float]) -> float:
            column = self.tables[pair][list(train), zero]
            return float(column.mean() + np.quantile(column, 0.9))

        return min(self.tables, key=cost)

    def shifts(self, pair: tuple[float, float], train: Sequence[int]) -> Shifts:
        """What each optimizer kind would have added, fitted on some tasks."""
        return fitted(self.tables[pair][list(train)], [self.kinds[i] for i in train])

    def held_out(self, splits: Iterator[tuple[list[int], list[int]]], *, has_shifts: bool = False) -> Floats:
        """Answers on tasks that nothing was fitted on: shape (tasks, draws)."""
        found = np.full((len(self.tasks), next(iter(self.answers.values())).shape[1]), np.nan)
        for train, out in splits:
            pair = self.constants(train)
            shifts = self.shifts(pair, train) if has_shifts else {}
            for i in out:
                found[i] = self.answers[pair][i] + shifts.get(self.kinds[i], 0.0)
        return found
