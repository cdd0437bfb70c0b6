"""Noise and zero-phase smoothing of a series of losses over log lr."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

MOST_BINS: Final = 200
"""Longer series are averaged into this many bins of log lr before they are smoothed: 1/25 of a decade on 8 decades."""
PER_NORMAL_DEVIATION: Final = 1.4826
"""Standard deviation of a normal variable over its median absolute deviation."""


def robust_deviation(values: ArrayLike) -> float:
    """Standard deviation of normal values, deaf to outliers: 1.4826 median(|values - median(values)|); 0 when empty.

    Example:
        >>> robust_deviation([1.0, 1.0, 1.0, 1e9])
        0.0
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        return PER_NORMAL_DEVIATION * float(np.median(np.abs(array - np.median(array))))


def noise_level(values: ArrayLike) -> float:
    """Standard deviation of the noise on a slowly changing series, from its second differences.

    d_i = v[i-1] - 2 v[i] + v[i+1]; sqrt(mean(min(d^2, (3 robust_deviation(d))^2)) / 6). A straight line has none, jumps
    and spikes count little; 0 with fewer than 4 values.

    Source: Rice 1984, Bandwidth choice for nonparametric regression, the second-order form; made robust by clipping.
    """
    differences = np.diff(np.asarray(values, dtype=np.float64), n=2)
    if differences.size < 2:
        return 0.0
    limit = 3.0 * robust_deviation(differences)
    return math.sqrt(float(np.mean(np.minimum(np.abs(differences), limit) ** 2)) / 6.0)


def ema(values: ArrayLike, beta: float = 0.9) -> Floats:
    """Causal exponential moving average with bias correction; for stopping, never for reading a rate off a curve.

    m_i = beta m_(i-1) + (1 - beta) v_i, m_(-1) = 0; answer m_i / (1 - beta^(i+1)), so that flat stays flat.

    Args:
        values: shape (n,).
        beta: weight of the past, in [0, 1).

    Returns:
        Shape (n,), float64; from the first value that is not finite on, nothing is finite.

    Example:
        >>> ema([2.0, 2.0, 2.0]).round(12).tolist()
        [2.0, 2.0, 2.0]
    """
    mean, averages = 0.0, list[float]()
    for step, value in enumerate(np.asarray(values, dtype=np.float64).tolist(), start=1):
        mean = beta * mean + (1.0 - beta) * value
        averages.append(mean / (1.0 - beta**step))
    return np.array(averages, dtype=np.float64)


def despike(losses: Floats, factor: float = 6.0) -> Floats:
    """Replace lone outliers by the median of the 7 losses around them.

    A loss is an outlier when it lies further than `factor` noise levels, and `factor` robust deviations of its own
    neighbourhood, from that median. The first three losses share one neighbourhood; the last three stay, for a
    divergence begins there.

    Source: Hampel 1974, The influence curve and its role in robust estimation (the Hampel filter).
    """
    if len(losses) < 7:
        return losses
    windows = np.lib.stride_tricks.sliding_window_view(losses, 7)
    middle = np.median(windows, axis=1)
    spread = PER_NORMAL_DEVIATION * np.median(np.abs(windows - middle[:, None]), axis=1)
    middle, spread = np.pad(middle, (3, 0), mode="edge"), np.pad(spread, (3, 0), mode="edge")
    limit = factor * np.maximum(spread, noise_level(losses))
    early = losses[:-3]
    return np.concatenate([np.where(np.abs(early - middle) > limit, middle, early), losses[-3:]])


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """A loss curve after zero-phase smoothing in log lr: nothing is shifted, a straight line stays a straight line.

    Attributes:
        x: shape (m,), log10 lr, rising strictly.
        y: shape (m,), smoothed loss; a divergence is capped at `cap`.
        slope: shape (m,), d loss / d log10 lr.
        noise: standard deviation of the raw losses around the curve.
        deviation: shape (m,), standard deviation that is left of it in `y`.
        scatter: shape (m,), root mean square of what the smoothing took away around the rate.
        cap: loss above which raw losses were cut off before smoothing, so that a divergence does not leak to the left.
        width: standard deviation of the kernel, decades.
    """

    x: Floats
    y: Floats
    slope: Floats
    noise: float
    deviation: Floats
    scatter: Floats
    cap: float
    width: float


def smoothings(log_lrs: Floats, losses: Floats, widths: Sequence[float]) -> Iterator[Smoothed]:
    """Smooth losses by local straight lines with a Gaussian kernel in log10 lr, once a width.

    At each rate x the line a + b (x' - x) that minimises sum_j exp(-(x_j - x)^2 / (2 w^2)) (loss_j - a - b (x_j - x))^2;
    a is the smoothed loss, b its derivative. w = min(width, span / 10), and never less than a third of the distance to
    the nearest point. The same on a denser ramp; exact on straight lines, at the ends too.

    Args:
        log_lrs: shape (n,), rising, repeated values allowed.
        losses: shape (n,), finite.
        widths: standard deviations of the kernel in decades, > 0.

    Returns:
        One smoothed curve a width, at its own rates (bins of them beyond `MOST_BINS`); empty arrays when n is 0.

    Source: Cleveland 1979, Robust locally weighted regression; Fan & Gijbels 1996, section 3.
    """
    losses = despike(losses)
    noise, cap = noise_level(losses), _cap(losses)
    x, y, counts = _binned(log_lrs, np.minimum(losses, cap))
    for width in widths:
        narrow = min(width, float(np.ptp(x)) / 10.0) if len(x) else width
        yield _smoothed(x, y, _local_lines(x, counts, narrow), noise=noise, cap=cap, width=narrow)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Matrices (m, m) from losses to levels, slopes and local means; and what of a unit noise the levels keep."""

    level: Floats
    slope: Floats
    kernel: Floats
    gain: Floats


def _smoothed(x: Floats, y: Floats, lines: _Lines, *, noise: float, cap: float, width: float) -> Smoothed:
    if len(x) == 0:
        return Smoothed(x, x, x, 0.0, x, x, cap, width)
    # Away from its size: the rounding of a sum of 1e6 + small would drown what is small.
    centre = float(np.median(y))
    smoothed: Floats = centre + lines.level @ (y - centre)
    return Smoothed(
        x=x,
        y=smoothed,
        slope=lines.slope @ (y - centre),
        noise=noise,
        deviation=noise * lines.gain,
        scatter=np.sqrt(lines.kernel @ (y - smoothed) ** 2),
        cap=cap,
        width=width,
    )


def _cap(losses: Floats) -> float:
    """Where a divergence is cut off: best + 2 max(initial - best, 3 noise, first quartile - best)."""
    if len(losses) == 0:
        return math.inf
    best = float(np.min(losses))
    initial = float(np.median(losses[: max(3, len(losses) // 20)]))
    quartile = float(np.quantile(losses, 0.25))
    return best + 2.0 * max(initial - best, 3.0 * noise_level(losses), quartile - best)


def _binned(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Means of x and y over equal rates, or over equal bins of x when there are more than `MOST_BINS`; and counts."""
    if len(x) == 0:
        return x, y, x
    keys = x if len(x) <= MOST_BINS else np.floor((x - x[0]) / max(float(x[-1] - x[0]), 1e-300) * MOST_BINS)
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1.0))
    counts = np.diff(starts, append=len(x)).astype(np.float64)
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts, counts


def _local_lines(x: Floats, counts: Floats, width: float) -> _Lines:
    """The weights of the local lines at every x; `counts` losses were averaged at each."""
    u: Floats = x[None, :] - x[:, None]
    bandwidth = np.maximum(np.minimum(_nearest(x), 1e3) / 3.0, max(width, 1e-300))[:, None]
    kernel: Floats = np.exp(-0.5 * (u / bandwidth) ** 2) * counts
    kernel /= kernel.sum(axis=1, keepdims=True)
    weighted: Floats = kernel * u
    first: Floats = weighted.sum(axis=1, keepdims=True)
    variance: Floats = (weighted * u).sum(axis=1, keepdims=True) - first**2
    # A single rate within the kernel has no variance: its line is flat.
    precision: Floats = 1.0 / np.where(variance > 1e-9 * bandwidth**2, variance, np.inf)
    slope: Floats = (weighted - first * kernel) * precision
    level = kernel - first * slope
    return _Lines(level, slope, kernel, np.sqrt(np.sum(level**2 / counts, axis=1)))


def _nearest(x: Floats) -> Floats:
    """Distance of each of the rising x to the nearest other one; infinite for a single one."""
    gaps = np.diff(x, prepend=-np.inf, append=np.inf)
    return np.minimum(gaps[:-1], gaps[1:])
