"""A tenth of the rate with the least loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate


@dataclass(frozen=True, slots=True)
class MinimumOver10(SuggestionRule):
    """The rate at the minimum of the smoothed loss before it diverges, divided by `divisor`. No bounds.

    The answer may lie below the smallest rate tested; on a wide plateau noise decides where the minimum is.
    """

    kind: ClassVar[str] = "minimum_over_10"
    cites: ClassVar[tuple[str, ...]] = ("fastai, rule `minimum`",)

    divisor: float = 10.0
    """Safety distance from the rate at which the loss turns; 10 in the source."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the rate at the minimum over the divisor."""
        least = float(reading.x[reading.bottom])
        why = f"The smoothed loss is least at {10.0**least:.2g}; this is that rate divided by {self.divisor:g}."
        return rate(least - math.log10(self.divisor), why)
