"""How a rate is tuned within a comparison: range tests, then a short grid around what they suggest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from lrsearch.curves import Curve, DivergenceRule, ramp_rates
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.leaderboard import score
from lrsearch.spec import Spec
from lrsearch.suggestions import suggest
from lrsearch.suggestions.base import Suggestion
from lrsearch.training import catalog
from lrsearch.training.plan import Plan

RANGE_TESTS: Final = 3
"""Range tests of each optimizer; their consensus is the centre of the grid."""
DECADES: Final = 1.0
"""How far the grid reaches to both sides of a suggested rate."""
BLIND_DECADES: Final = 2.0
"""How far it reaches around Keras' default where the range tests suggest nothing."""


class Tuning(Spec):
    """Budget of each optimizer for its rate."""

    trials: Annotated[int, Field(ge=1, le=100, strict=True)] = 8
    """Runs at rates spaced evenly, in their logarithm, around the suggestion; the best one's rate is taken."""
    steps: Annotated[int, Field(ge=10, le=100_000, strict=True)] = 100
    """Updates of each of the three range tests before them."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning found.

    Attributes:
        suggestion: of the range tests.
        grid: the rates that are tried, rising.
        scores: of the rates tried: infinity for a diverged run, None for one that was not made.
        lr: the best of them; before any was tried, the middle of the grid.
        is_at_edge: whether it is the first or the last of several.
    """

    suggestion: Suggestion
    grid: tuple[float, ...]
    scores: tuple[float | None, ...]
    lr: float
    is_at_edge: bool

    def as_json(self) -> dict[str, Any]:
        """For the result."""
        return {
            "range_test": {"lr": self.suggestion.lr, "verdict": self.suggestion.verdict.value},
            "grid": [
                {"learning_rate": lr, "metric": value if value is not None and math.isfinite(value) else None}
                for lr, value in zip(self.grid, self.scores, strict=True)
            ],
            "learning_rate": self.lr,
            "is_at_edge": self.is_at_edge,
        }


def range_test_plan(plan: Plan, steps: int) -> Plan:
    """The range test of a training: its plan on a ramp, stopped when it diverges, without validation and test."""
    rates = ramp_rates(*catalog.optimizers()[plan.optimizer.kind].ramp, steps)
    return replace(plan, rates=rates, divergence=DivergenceRule(), metrics=(), validation=None, test=False)


def tuned(
    optimizer: str,
    range_tests: Sequence[TrialRecord],
    grid_runs: Sequence[TrialRecord | None],
    *,
    metric: str,
    is_minimized: bool,
) -> Tuned:
    """Read the range tests and the grid.

    Args:
        optimizer: name of its row.
        range_tests: those made so far.
        grid_runs: one for each rate of the grid, None where it was not made yet.
        metric: what the rates are judged by.
        is_minimized: whether smaller is better.
    """
    curves = [Curve(record.arrays["lrs"], record.arrays["losses"]) for record in range_tests]
    suggestion = suggest(curves, rule="consensus", optimizer=optimizer)
    grid = _grid(suggestion.lr, catalog.optimizers()[optimizer].default_lr, len(grid_runs))
    scores = tuple(score(record, metric) for record in grid_runs)
    sign = 1 if is_minimized else -1
    tried = [(sign * value, place) for place, value in enumerate(scores) if value is not None and math.isfinite(value)]
    best = min(tried)[1] if tried else len(grid) // 2
    return Tuned(suggestion, grid, scores, grid[best], bool(tried) and len(grid) > 1 and best in (0, len(grid) - 1))


def spread(rate: float, below: float, above: float) -> tuple[float, float]:
    """Two rates, so many decades below and above one.

    Example:
        >>> spread(0.01, 1.0, 0.5)
        (0.001, 0.0316228)
    """
    return float(f"{rate * 10.0**-below:.6g}"), float(f"{rate * 10.0**above:.6g}")


def _grid(suggested: float | None, default: float, points: int) -> tuple[float, ...]:
    centre, decades = (default, BLIND_DECADES) if suggested is None else (suggested, DECADES)
    if points == 1:
        return (float(f"{centre:.6g}"),)
    rates = centre * 10.0 ** np.linspace(-decades, decades, points)
    return tuple(float(f"{rate:.6g}") for rate in rates)
