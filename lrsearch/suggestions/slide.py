"""An interval slid from the right until the slopes at its ends agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate


@dataclass(frozen=True, slots=True)
class Slide(SuggestionRule):
    """The left end of an interval that is slid down from the divergence until the slopes at its two ends agree.

    g = d(smoothed loss)/d(log lr). From the right, the first r with g(r) - g(r - w) <= `threshold` D, D the fall of the
    loss; answer r - w. w = min(`interval`, a quarter of the range tested). r starts at the last rate before the loss
    diverges, at most w above the end of the descent. No bounds.

    The source compares with an absolute number, so that its answer depends on the size of the loss; ours does not.
    """

    kind: ClassVar[str] = "slide"
    cites: ClassVar[tuple[str, ...]] = ("Novetta Adaptnlp, interval slide rule", "fastai, rule `slide`")

    interval: float = 1.2
    """Width of the interval in decades; the source's 15 of 100 steps over 8 decades."""
    threshold: float = 0.1
    """Difference of slopes, in falls per decade; ours (the source: 0.005 to 0.05 a step, absolute)."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the left end of the interval where it stops."""
        x, slope = reading.x, reading.slope
        width = min(self.interval, 0.25 * float(x[-1] - x[0]))
        right = x[(x - width >= x[0]) & (x <= reading.falls_to(reading.edge()) + width)]
        if right.size == 0:
            right = x[-1:]
        change = np.interp(right, x, slope) - np.interp(right - width, x, slope)
        stops = np.flatnonzero(change <= self.threshold * reading.drop)
        stop = right[stops[-1]] if stops.size else right[0]
        return rate(float(stop) - width, f"Slopes {width:.1f} decades apart agree from here on to the left.")
