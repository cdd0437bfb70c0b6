"""Bounds judged by what they are for: `triangular` and `one_cycle` trained between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.evaluate import advice
from benchmarks.regret.measure import CYCLE_WIDTHS, GRID
from benchmarks.regret.truth import Measured
from lrsearch.suggestions import RULES
from lrsearch.suggestions.base import SuggestionRule
from lrsearch.suggestions.consensus import Consensus

Floats = NDArray[np.float64]

TRIED: Final = ((1.0, 0.0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.0, 0.5), (0.0, 1.0))
"""Distances of the bounds from the suggestion, decades."""
SCHEDULES: Final = ("triangular", "one_cycle")


@dataclass(frozen=True, slots=True, eq=False)
class Cycled:
    """What schedules reached on a task.

    Attributes:
        measured: the task.
        losses: shape (schedules, widths, upper bounds), held-out loss, mean over seeds, never above the vanishing rate's.
    """

    measured: Measured
    losses: Floats

    def regret(self, schedule: int, low: float, high: float) -> float:
        """Regret of bounds, against the best bounds of the grid under the same schedule; linear between grid points."""
        table = self.losses[schedule]
        rows = [np.interp(high, GRID, row) for row in table]
        loss = float(np.interp(high - low, CYCLE_WIDTHS, rows))
        best = float(table.min())
        return (loss - best) / (float(self.measured.losses[0]) - best)


def bounds_rows(cycled: Sequence[Cycled]) -> list[list[str]]:
    """Rows of the report's table: each rule with bounds, and fixed distances around the suggestion of `consensus`."""
    rules = [_row(name, cycled, name) for name in ("consensus", "valley", "window", "smith", "divergence_over_k")]
    fixed = [_row(f"consensus - {low} .. + {high}", cycled, "consensus", (low, high)) for low, high in TRIED]
    return rules + fixed


def _row(label: str, cycled: Sequence[Cycled], kind: str, around: tuple[float, float] | None = None) -> list[str]:
    found = np.array([pair for one in cycled for pair in _regrets(one, kind, around)])
    if found.size == 0:
        return [label, *["-"] * 6]
    cells = [f"{value:.3f}" for i in range(2) for value in (found[:, i].mean(), found[:, i].max())]
    draws = sum(8 for _ in cycled)
    return [label, *cells, f"{found[:, 2].mean():.2f}", f"{1.0 - len(found) / draws:.0%}"]


def _regrets(one: Cycled, kind: str, around: tuple[float, float] | None) -> list[tuple[float, float, float]]:
    rule: SuggestionRule = Consensus() if kind == "consensus" else _member(kind)
    found: list[tuple[float, float, float]] = []
    for answer in advice(one.measured, rule):
        if answer.lr is None or answer.min_lr is None or answer.max_lr is None:
            continue
        low, high = np.log10(answer.min_lr), np.log10(answer.max_lr)
        if around is not None:
            low, high = np.log10(answer.lr) - around[0], np.log10(answer.lr) + around[1]
        found.append((one.regret(0, low, high), one.regret(1, low, high), float(high - low)))
    return found


def _member(kind: str) -> SuggestionRule:
    return next(rule() for name, rule in RULES.items() if name == kind)


HEAD: Final = (
    "bounds",
    "triangular mean",
    "triangular worst",
    "one_cycle mean",
    "one_cycle worst",
    "decades between",
    "no bounds",
)
