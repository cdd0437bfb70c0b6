"""How far suggestions lie from the best rates, in decades: what a search that begins at one has to bridge (ADR 0016)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.bounds import SCHEDULES, Cycled
from benchmarks.regret.evaluate import advice
from benchmarks.regret.intervals import Uncut, repeats_range
from benchmarks.regret.truth import Measured

Floats = NDArray[np.float64]

SPREADS: Final = (0.0, 0.1, 0.3, 1.0, math.inf)
"""Ends of the classes of the repeats' range, decades."""


def distances(tasks: Sequence[Measured]) -> tuple[Floats, Floats]:
    """log10 of best rate / suggestion, and the range of the repeats' suggestions, of every answer whose repeats each have one."""
    found = [
        (task.best - math.log10(answer.lr), np.ptp(repeats_range(answer)))
        for task in tasks
        for answer in advice(task, Uncut())
        if answer.lr is not None and answer.interval is not None
    ]
    return np.array([error for error, _ in found]), np.array([spread for _, spread in found])


def said(tasks: Sequence[Measured], cycled: Sequence[Cycled]) -> str:
    """What a prior of a search is built on, in sentences."""
    errors, spreads = distances(tasks)
    low, middle, high = np.percentile(errors, [25, 50, 75])
    classes = [_class(errors, spreads, *ends) for ends in pairwise(SPREADS)]
    better = sum(_at_best(one, "one_cycle") <= float(one.measured.losses.min()) for one in cycled)
    return (
        f"The best rate of the grid lies {middle:+.2f} decades from the suggestion in the median (quartiles {low:+.2f} and {high:+.2f}; "
        f"{len(errors)} answers whose repeats each have one). The standard deviation of that distance by the range of the repeats: "
        f"{'; '.join(classes)}. On {better} of the {len(cycled)} tasks on which schedules were trained the best `one_cycle` of the grid is at least "
        "as good as the best constant rate; it is the least of more means, of fewer seeds each."
    )


def _class(errors: Floats, spreads: Floats, low: float, high: float) -> str:
    chosen = errors[(spreads >= low) & (spreads < high)]
    name = f"{low:g} decade or more" if math.isinf(high) else f"{low:g} to {high:g} decades"
    return f"{name} {np.std(chosen):.2f} ({len(chosen)} answers)"


def _at_best(one: Cycled, schedule: str) -> float:
    return float(one.losses[SCHEDULES.index(schedule)].min())
