"""The range of the loss axis: what the curve shows must not be squashed by where it diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrsearch.experiments.base import Line, PlotSpec, Rank

MARGIN = 0.08
"""Free space above and below, as a share of the range."""
REACH = 1.5
"""How far above the third quartile the axis may reach, in distances from the 5th percentile to that quartile."""
FEW, FEW_REACH = 50, 6.0
"""Values below which quartiles say little, and how far the axis may reach there."""
LOG_DECADES = 8.0
"""Decades a logarithmic axis shows at most, from its greatest value down: a rate that a plateau divides by 10 again and again
would leave no room for the rest."""


def y_range(plot: PlotSpec) -> tuple[float, float] | None:
    """Low and high end of the y axis: everything from the least value up, but for what exploded.

    high = min(max, q75 + REACH (q75 - q5)) over all finite values. None when nothing finite is to be shown, or for a
    logarithmic axis of at most `LOG_DECADES` (the renderers' own range is right there).
    """
    shown = [line.y for line in _lines(plot)] + [side for band in plot.bands for side in (band.low, band.high)]
    shown += [one.y for one in plot.whiskers]
    return _log_range(_finite(shown)) if plot.y_log else value_range(_finite(shown))


def plotly_range(plot: PlotSpec) -> list[float] | None:
    """`y_range` as Plotly wants it: of a logarithmic axis the decimal logarithms."""
    limits = y_range(plot)
    return None if limits is None else [math.log10(end) if plot.y_log else end for end in limits]


def _log_range(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """The upper `LOG_DECADES` of positive values; None where they need no more room than that."""
    positive = values[values > 0]
    if not len(positive) or positive.max() <= positive.min() * 10**LOG_DECADES:
        return None
    return float(positive.max() / 10**LOG_DECADES), float(positive.max() * 2)


def value_range(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Low and high end of a linear axis for finite values; None without any. See `y_range`."""
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    fifth, quartile = np.percentile(values, [5, 75], method="nearest")
    if quartile > fifth:
        high = min(high, float(quartile + (REACH if len(values) >= FEW else FEW_REACH) * (quartile - fifth)))
    space = MARGIN * (high - low) or max(abs(low) * MARGIN, 0.5)
    return low - space, high + space


def _lines(plot: PlotSpec) -> list[Line]:
    """All lines; of small multiples, whose axes are common, those of every panel."""
    return [*plot.lines, *(line for panel in plot.panels for line in panel.lines)]


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
    low, high = float(min([means[0], *near])), float(max([means[1], *near]))
    space = MARGIN / 2 * (high - low)
    return low - space, high + space


def is_counted(plot: PlotSpec) -> bool:
    """Whether the x axis counts (epochs, updates, trials): a tick between two whole numbers would mean nothing there."""
    if plot.x_log or plot.x_names:
        return False
    values = _finite([line.x for line in _lines(plot)])
    return len(values) > 0 and bool(np.all(values == np.round(values)))


def x_span(plot: PlotSpec) -> float:
    """Greatest less least x of the lines; 0 without any."""
    values = _finite([line.x for line in _lines(plot)])
    return float(np.ptp(values)) if len(values) else 0.0


def color_range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of a colour scale: those of the values, but for what exploded; 0 to 1 without a finite value."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    limits = value_range(finite)
    return float(finite.min()), min(float(finite.max()), limits[1] if limits else np.inf)
