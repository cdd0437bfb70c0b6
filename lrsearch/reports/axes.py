"""The range of the loss axis: what the curve shows must not be squashed by where it diverged."""

from __future__ import annotations

import numpy as np

from lrsearch.experiments.base import PlotSpec

MARGIN = 0.08
"""Free space above and below, as a share of the range."""


def y_range(plot: PlotSpec) -> tuple[float, float] | None:
    """Low and high end of the y axis: the main lines and bands whole, raw lines only to the 2nd and 98th percentile.

    None when nothing finite is to be shown, or for a logarithmic axis (the renderers' own range is right there).
    """
    if plot.y_log:
        return None
    whole = [line.y for line in plot.lines if line.role != "raw"]
    whole += [side for band in plot.bands for side in (band.low, band.high)]
    raw = [line.y for line in plot.lines if line.role == "raw"]
    values = [*_finite(whole), *_trimmed(_finite(raw))]
    if not values:
        return None
    low, high = float(min(values)), float(max(values))
    space = MARGIN * (high - low) or max(abs(low) * MARGIN, 0.5)
    return low - space, high + space


def _finite(series: list) -> np.ndarray:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
    """All finite values of the series, as one array."""
    values = np.concatenate([np.asarray(one, dtype=np.float64) for one in series]) if series else np.empty(0)
    return values[np.isfinite(values)]


def _trimmed(values: np.ndarray) -> np.ndarray:
    return np.percentile(values, [2, 98]) if len(values) else values
