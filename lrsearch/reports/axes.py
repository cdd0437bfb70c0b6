"""The range of the loss axis: what the curve shows must not be squashed by where it diverged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrsearch.experiments.base import PlotSpec

MARGIN = 0.08
"""Free space above and below, as a share of the range."""
REACH = 1.5
"""How far above the third quartile the axis may reach, in distances from the 5th percentile to that quartile."""


def y_range(plot: PlotSpec) -> tuple[float, float] | None:
    """Low and high end of the y axis: everything from the least value up, but for what exploded.

    high = min(max, q75 + REACH (q75 - q5)) over all finite values. None when nothing finite is to be shown, or for a
    logarithmic axis (the renderers' own range is right there).
    """
    shown = [line.y for line in plot.lines] + [side for band in plot.bands for side in (band.low, band.high)]
    values = _finite(shown)
    if plot.y_log or not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    fifth, quartile = np.percentile(values, [5, 75], method="nearest")
    if quartile > fifth:
        high = min(high, float(quartile + REACH * (quartile - fifth)))
    space = MARGIN * (high - low) or max(abs(low) * MARGIN, 0.5)
    return low - space, high + space


def _finite(series: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """All finite values of the series, as one array."""
    values = np.concatenate([np.asarray(one, dtype=np.float64) for one in series]) if series else np.empty(0)
    return values[np.isfinite(values)]
