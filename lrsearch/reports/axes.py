"""The range of the loss axis: what the curve shows must not be squashed by where it diverged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrsearch.experiments.base import PlotSpec, Rank

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
    shown += [one.y for one in plot.whiskers]
    return None if plot.y_log else value_range(_finite(shown))


def value_range(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Low and high end of a linear axis for finite values; None without any. See `y_range`."""
    if not len(values):
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


def rank_range(ranks: Sequence[Rank]) -> tuple[float, float] | None:
    """Ends of the linear axis of a ranking: all means but for what exploded, and the intervals that do not dwarf them."""
    means = value_range(_finite([[rank.value for rank in ranks]]))
    if means is None:
        return None
    width = means[1] - means[0]
    ends = _finite([[rank.low, rank.high] for rank in ranks])
    near = ends[(ends >= means[0] - width) & (ends <= means[1] + width)]
    return float(min([means[0], *near])), float(max([means[1], *near]))


def color_range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of a colour scale: those of the values, but for what exploded; 0 to 1 without a finite value."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    limits = value_range(finite)
    return float(finite.min()), min(float(finite.max()), limits[1] if limits else np.inf)
