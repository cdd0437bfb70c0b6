"""Bounds of a cyclical schedule by Smith's range test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate


@dataclass(frozen=True, slots=True)
class Smith(SuggestionRule):
    """base_lr where the metric starts to get better, max_lr where it turns ragged or gets worse.

    Reads a curve that falls when things get better: for accuracy, give 1 - accuracy on a linear ramp over several
    epochs (Smith's form); it reads loss curves too. base_lr is the last rate at which the curve is within an edge of
    its top (see `Reading.edge`); when it falls from the first rate on, base_lr = max_lr / `fallback`. max_lr is the
    last rate before the curve rises by more than the edge above its minimum, or before its scatter exceeds `ragged`
    times its median and a tenth of the fall, whichever comes first. lr is the geometric mean of the two (ours: the
    source cycles between them).
    """

    kind: ClassVar[str] = "smith"
    cites: ClassVar[tuple[str, ...]] = (
        "Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3, arXiv:1506.01186",
    )

    fallback: float = 3.0
    """max_lr / base_lr when the start of the fall was not tested; 3 or 4 in the source."""
    ragged: float = 3.0
    """Scatter over its median from which the curve is ragged; ours."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the bounds and their middle in log lr."""
        start, end = reading.leaves(1.0 - reading.edge()), self._last_good(reading)
        seen = reading.x[0] + 0.05 * (reading.x[-1] - reading.x[0])
        base = start if seen < start < end else end - math.log10(self.fallback)
        why = f"It starts to get better at {10.0**base:.2g} and stops getting better at {10.0**end:.2g}."
        if base != start:
            why = f"It stops getting better at {10.0**end:.2g}; the lower bound is that divided by {self.fallback:g}."
        return rate(0.5 * (base + end), why, (base, end))

    def _last_good(self, reading: Reading) -> float:
        """log10 of the last rate before the curve turns ragged or rises."""
        x, y = reading.x, reading.y
        worse = (np.arange(len(x)) > reading.bottom) & (y > y[reading.bottom] + reading.edge() * reading.drop)
        limit = max(self.ragged * float(np.median(reading.scatter)), 0.1 * reading.drop)
        falling = x > reading.falls_to(0.5)
        bad = np.flatnonzero(falling & (worse | (reading.scatter > limit)))
        return float(x[max(int(bad[0]) - 1, 0)] if bad.size else x[reading.bottom])
