"""Bounds from two levels of the descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate


@dataclass(frozen=True, slots=True)
class Window(SuggestionRule):
    """Bounds where the loss on the descent first falls to min + `upper` D and to min + `lower` D.

    D is the greatest smoothed loss before the minimum less the minimum. The first is min_lr, the second max_lr; lr is
    their geometric mean (ours: the source gives bounds alone).
    """

    kind: ClassVar[str] = "window"
    cites: ClassVar[tuple[str, ...]] = ("Capel, automatic learning-rate range for decaying warm restarts, 2019",)

    upper: float = 0.5
    """Share of the fall still to go at min_lr."""
    lower: float = 0.05
    """Share of the fall still to go at max_lr."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the two bounds and their middle in log lr."""
        low, high = reading.falls_to(self.upper), reading.falls_to(self.lower)
        why = (
            f"{1 - self.upper:.0%} of the fall is reached at {10.0**low:.2g}, {1 - self.lower:.0%} at {10.0**high:.2g}."
        )
        return rate(0.5 * (low + high), why, (low, high))
