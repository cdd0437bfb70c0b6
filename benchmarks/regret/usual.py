"""A rule that was tried and not taken: from what the curves say, half of the way to the rate that is usual for the optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.evaluate import HEAD, figures, ours, regrets
from benchmarks.regret.fit import folds, kind_of
from benchmarks.regret.truth import Measured
from lrsearch.suggestions.consensus import Consensus

Floats = NDArray[np.float64]

RATES: Final[Floats] = np.round(np.arange(-6.0, 3.01, 0.05), 2)
"""log10 of the rates at which the mean regret is looked at."""
PULL: Final = 0.5
"""Share of the way to the usual rate; of 0 to 0.6 the best of held-out tasks had between 0.5 and 0.6."""
MOST: Final = 0.5
"""Greatest distance an answer is moved, decades."""
FEWEST: Final = 4
"""Tasks an optimizer must have been trained on before a rate counts as usual."""
AS_GOOD: Final = 0.01
"""Rates whose mean regret is within this of the least are as good; the usual one is in their middle."""
BY_THE_LOSS: Final = ("sgd",)
"""Kinds whose updates grow with the loss, so that no rate is usual."""

Usual = Mapping[str, float]


def usual(tasks: Sequence[Measured]) -> Usual:
    """Optimizer kind -> log10 of the rate with the least mean regret over its tasks."""
    found: dict[str, float] = {}
    for kind in sorted({kind_of(task) for task in tasks} - set(BY_THE_LOSS)):
        chosen = [task for task in tasks if kind_of(task) == kind]
        if len(chosen) >= FEWEST:
            mean = np.mean([[task.regret(float(x)) for x in RATES] for task in chosen], axis=0)
            good = RATES[mean < mean.min() + AS_GOOD]
            found[kind] = float(good[0] + good[-1]) / 2.0
    return found


def pulled(task: Measured, answers: Floats, rates: Usual) -> Floats:
    """Answers moved towards the usual rate, where there is one.

    Example:
        >>> from benchmarks.regret.store import load
        >>> adam = next(task for task in load() if task.task.optimizer == "adam")
        >>> pulled(adam, np.array([-2.5, -6.0]), {"adam": -2.0}).tolist()
        [-2.25, -5.5]
    """
    rate = rates.get(kind_of(task))
    return answers if rate is None else answers + np.clip(PULL * (rate - answers), -MOST, MOST)


def usual_rows(sets: Mapping[str, Sequence[Measured]], last: str) -> list[list[str]]:
    """The curves alone and pulled, on each set: the usual rates are those of all other data sets, of the last set's none."""
    design = [task for name, tasks in sets.items() if name != last for task in tasks]
    answers = {id(task): row for task, row in zip(design, ours(design, lambda _: Consensus()), strict=True)}
    moved: dict[int, Floats] = {}
    for train, out in folds(design):
        rates = usual([design[i] for i in train])
        moved |= {id(design[i]): pulled(design[i], answers[id(design[i])], rates) for i in out}
    final = usual(design)
    for task, row in zip(sets[last], ours(sets[last], lambda _: Consensus()), strict=True):
        answers[id(task)], moved[id(task)] = row, pulled(task, row, final)
    rows: list[list[str]] = []
    for name, tasks in sets.items():
        for side, found in {"consensus": answers, "pulled to the usual rate": moved}.items():
            cells = figures(regrets(tasks, np.stack([found[id(task)] for task in tasks]))).cells()
            rows.append([name, side, str(len(tasks)), *cells])
    return rows


USUAL_HEAD: Final = ("set", "rule", "tasks", *HEAD)
