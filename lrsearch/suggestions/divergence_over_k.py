"""The largest stable rate, divided by a safety factor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, Verdict, crossing, nothing, rate


@dataclass(frozen=True, slots=True)
class DivergenceOverK(SuggestionRule):
    """The largest stable rate divided by `k`.

    Stable is every rate up to the last one, after the minimum, at which the smoothed loss is not above
    minimum + max(`rise` D, 3 noise), D the fall of the loss; when the loss is not finite right after a fall, every rate
    with a finite loss. max_lr is the largest stable rate, min_lr is lr. A loss that never rises again has no answer
    (`monotone`).
    """

    kind: ClassVar[str] = "divergence_over_k"
    cites: ClassVar[tuple[str, ...]] = (
        "Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3, arXiv:1506.01186",
        "Godbole et al. 2023, Deep Learning Tuning Playbook",
    )

    k: float = 4.0
    """Safety factor; Smith takes a third or a fourth of the largest rate as the lower bound."""
    rise: float = 0.1
    """Share of the fall the loss must rise again to count as unstable; ours."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the largest stable rate over k."""
        after_x, after_y = reading.x[reading.bottom :], reading.y[reading.bottom :]
        level = float(after_y[0]) + max(self.rise * reading.drop, 3.0 * reading.noise)
        if float(np.max(after_y)) > level:
            largest = crossing(after_x, -after_y, -level)
        elif reading.ended == "non_finite":
            largest = float(after_x[-1])
        else:
            return nothing(
                Verdict.MONOTONE,
                f"The loss does not rise again up to {10.0 ** after_x[-1]:.2g}, so the largest stable rate is unknown: "
                "raise end_lr.",
            )
        chosen = largest - math.log10(self.k)
        why = f"The largest stable rate is {10.0**largest:.2g}; this is that rate divided by {self.k:g}."
        return rate(chosen, why, (chosen, largest))
