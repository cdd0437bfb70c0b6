"""The rate at which the loss falls fastest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate


@dataclass(frozen=True, slots=True)
class Steepest(SuggestionRule):
    """The rate where d(smoothed loss) / d(log lr) is least, on the descent before the minimum.

    The derivative is taken by log lr: on an exponential ramp the one by lr is greatest at the smallest rates, whatever
    the loss does. Only the descent outside the noise is searched (see `Reading.edge`). No bounds.
    """

    kind: ClassVar[str] = "steepest"
    cites: ClassVar[tuple[str, ...]] = (
        "Mackenzie, LR finder on plateau, MachineCurve 2020",
        "surmenok, Estimating an optimal learning rate for a deep neural network, 2017",
    )

    edge: float = 0.05
    """Least share of the fall that counts as a plateau at either end; ours."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the steepest point."""
        edge = reading.edge(self.edge)
        start, end = reading.leaves(1.0 - edge), reading.falls_to(edge)
        inside = np.flatnonzero((reading.x >= start) & (reading.x <= end))
        if inside.size == 0:
            return rate(0.5 * (start + end), "The loss falls between two neighbouring rates; this is between them.")
        steepest = int(inside[np.argmin(reading.slope[inside])])
        return rate(float(reading.x[steepest]), "The smoothed loss falls fastest here, by the logarithm of the rate.")
