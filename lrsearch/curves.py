"""The loss curve of a training: steps, learning rates, batch losses; ramps, smoothing, noise, divergence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ramp = Literal["exponential", "linear"]
Ended = Literal["diverged", "non_finite"]

ROUNDING = 1e-12
"""Share of a number's size below which a difference is float rounding: a constant loss must stay constant."""
MOST_BINS = 400
"""Longer curves are averaged into this many bins of log lr before they are smoothed: 1/50 of a decade on 8 decades."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Learning rates and the batch losses measured under them, index i = update i.

    Attributes:
        lrs: shape (n,), float64, above 0; the rate update i uses.
        losses: shape (n,), float64; the loss of batch i **before** update i. NaN and infinity are allowed: they are
            what a diverged training reports.

    Raises:
        ValueError: the two do not have the same length, or are not one-dimensional.
    """

    lrs: Floats
    losses: Floats

    def __init__(self, lrs: ArrayLike, losses: ArrayLike) -> None:
        rates, values = np.asarray(lrs, dtype=np.float64), np.asarray(losses, dtype=np.float64)
        if rates.ndim != 1 or rates.shape != values.shape:
            raise ValueError(
                f"lrs and losses must be one-dimensional and of one length, not {rates.shape} and {values.shape}."
            )
        object.__setattr__(self, "lrs", rates)
        object.__setattr__(self, "losses", values)

    def __len__(self) -> int:
        return len(self.losses)


def ramp_rates(start_lr: float, end_lr: float, steps: int, ramp: Ramp = "exponential") -> Floats:
    """Learning rates of a range test, both ends reached.

    `exponential`: start (end/start)^(i/(n-1)); `linear`: start + (end-start) i/(n-1); i = 0..n-1.

    Args:
        start_lr: rate of the first update, > 0.
        end_lr: rate of the last update, > start_lr.
        steps: n, number of updates, >= 2.
        ramp: shape of the rise between the two ends.

    Returns:
        Shape (steps,), float64.

    Example:
        >>> ramp_rates(0.01, 1.0, 3).tolist()
        [0.01, 0.1, 1.0]
    """
    space = np.geomspace if ramp == "exponential" else np.linspace
    return space(start_lr, end_lr, steps, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class DivergenceRule:
    """When a range test stops: the causally smoothed loss rose too far above the best.

    Stop at step i >= `first_step` when ema_i > best + `factor` max(initial - best, `noise_factor` noise), or at any
    step whose loss is not finite; ema is the bias-corrected exponential moving average with weight `beta`, best its
    minimum so far, initial its first value, noise the robust deviation of the first `first_step` losses.

    Source: learning-rate design notes, section 1; the noise term keeps pure noise from stopping the test.
    """

    factor: float = 4.0
    noise_factor: float = 3.0
    first_step: int = 10
    beta: float = 0.9


class DivergenceWatch:
    """Feeds losses to a `DivergenceRule`, chunk by chunk; a new watch has a new step counter."""

    def __init__(self, rule: DivergenceRule) -> None:
        self.rule = rule
        self.step = 0
        self._head: list[float] = []
        self._mean = 0.0
        self._best = math.inf
        self._rise = 0.0
        self._stop: tuple[int, Ended] | None = None

    def feed(self, losses: Sequence[float] | Floats) -> tuple[int, Ended] | None:
        """Look at the next losses; answer (step counted from 0, reason) where the run must stop, else None.

        The answer does not depend on how the losses are cut into chunks; after a stop it stays the same.
        """
        for loss in np.asarray(losses, dtype=np.float64).tolist():
            if self._stop is not None:
                break
            reason = self._look(loss)
            if reason is not None:
                self._stop = (self.step, reason)
            self.step += 1
        return self._stop

    def _look(self, loss: float) -> Ended | None:
        """Take in the loss of step `self.step`."""
        if not math.isfinite(loss):
            return "non_finite"
        if self.step < max(1, self.rule.first_step):
            self._head.append(loss)
        beta = self.rule.beta
        self._mean = beta * self._mean + (1.0 - beta) * loss
        smoothed = self._mean / (1.0 - beta ** (self.step + 1))
        self._best = min(self._best, smoothed)
        if self.step < self.rule.first_step:
            return None
        if self.step == self.rule.first_step:
            self._rise = self.rule.noise_factor * robust_deviation(self._head)
        # The bias-corrected average of one value is that value: the initial level is the first loss.
        scale = max(self._head[0] - self._best, self._rise)
        rounding = ROUNDING * max(abs(smoothed), abs(self._best))
        return "diverged" if smoothed - self._best > self.rule.factor * scale + rounding else None

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs to go on exactly here; JSON-able."""
        return {
            "step": self.step,
            "head": list(self._head),
            "mean": self._mean,
            "best": self._best if self._head else None,
            "rise": self._rise,
            "stop": None if self._stop is None else list(self._stop),
        }

    @classmethod
    def from_state(cls, rule: DivergenceRule, state: Mapping[str, Any]) -> Self:
        """The watch whose `state()` was saved, under the same rule."""
        watch = cls(rule)
        watch.step, watch._mean, watch._rise = state["step"], state["mean"], state["rise"]
        watch._head = list(state["head"])
        watch._best = math.inf if state["best"] is None else state["best"]
        watch._stop = None if state["stop"] is None else (state["stop"][0], state["stop"][1])
        return watch


def robust_deviation(values: ArrayLike) -> float:
    """Standard deviation of normal values, deaf to outliers: 1.4826 median(|values - median(values)|); 0 when empty.

    Example:
        >>> robust_deviation([1.0, 1.0, 1.0, 1e9])
        0.0
    """
    array = np.asarray(values, dtype=np.float64)
    return 1.4826 * float(np.median(np.abs(array - np.median(array)))) if array.size else 0.0


def noise_level(values: ArrayLike) -> float:
    """Standard deviation of the noise on a slowly changing series, from its second differences.

    d_i = v[i-1] - 2 v[i] + v[i+1]; sqrt(mean(min(d^2, (3 robust_deviation(d))^2)) / 6). A straight line has none, jumps
    and spikes count little; 0 with fewer than 4 values.

    Source: Rice 1984, Bandwidth choice for nonparametric regression, the second-order form; made robust by clipping.
    """
    differences = np.diff(np.asarray(values, dtype=np.float64), n=2)
    limit = 3.0 * robust_deviation(differences)
    if differences.size < 2:
        return 0.0
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


def usable(curve: Curve) -> tuple[Floats, Floats]:
    """What of a curve can be read: log10 lr and losses, by rising rate, up to the first loss that is not finite.

    Points with a rate that is not a finite number above 0 are left out. Losses are clipped to +-1e150, so that their
    squares stay finite.

    Returns:
        Two arrays of shape (m,), float64, m <= len(curve).
    """
    bad = np.flatnonzero(~np.isfinite(curve.losses))
    head = slice(None) if bad.size == 0 else slice(0, int(bad[0]))
    lrs, losses = curve.lrs[head], np.clip(curve.losses[head], -1e150, 1e150)
    keep = np.isfinite(lrs) & (lrs > 0)
    order = np.argsort(lrs[keep], kind="stable")
    return np.log10(lrs[keep][order]), losses[keep][order]


def despike(losses: Floats, factor: float = 6.0) -> Floats:
    """Replace lone outliers by the median of the 7 losses around them.

    A loss is an outlier when it lies further than `factor` noise levels, and `factor` robust deviations of its own
    neighbourhood, from that median. The three losses at either end stay.

    Source: Hampel 1974, The influence curve and its role in robust estimation (the Hampel filter).
    """
    if len(losses) < 7:
        return losses
    windows = np.lib.stride_tricks.sliding_window_view(losses, 7)
    middle = np.median(windows, axis=1)
    spread = 1.4826 * np.median(np.abs(windows - middle[:, None]), axis=1)
    limit = factor * np.maximum(spread, noise_level(losses))
    inner = losses[3:-3]
    return np.concatenate([losses[:3], np.where(np.abs(inner - middle) > limit, middle, inner), losses[-3:]])


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


def smoothing(curve: Curve, width: float = 0.2) -> Smoothed:
    """Smooth a curve by local straight lines with a Gaussian kernel in log10 lr.

    At each rate x the line a + b (x' - x) that minimises sum_j exp(-(x_j - x)^2 / (2 w^2)) (loss_j - a - b (x_j - x))^2;
    a is the smoothed loss, b its derivative. w = min(width, span / 20), and never less than the distance to the second
    nearest point. The same on a denser ramp; exact on straight lines, at the ends too.

    Args:
        curve: any curve.
        width: standard deviation of the kernel in decades, > 0.

    Returns:
        The smoothed curve at its own rates (bins of them beyond `MOST_BINS`); empty when nothing is usable.

    Source: Cleveland 1979, Robust locally weighted regression; Fan & Gijbels 1996, section 3.
    """
    log_lrs, losses = usable(curve)
    losses = despike(losses)
    noise, cap = noise_level(losses), _cap(losses)
    x, y, counts = _binned(log_lrs, np.minimum(losses, cap))
    if len(x) == 0:
        return Smoothed(x, x, x, 0.0, x, x, cap, width)
    wanted = min(width, float(x[-1] - x[0]) / 20.0)
    level, slope, kernel = _local_lines(x, counts, wanted)
    centre = float(np.median(y))
    smoothed: Floats = centre + level @ (y - centre)
    return Smoothed(
        x=x,
        y=smoothed,
        slope=slope @ (y - centre),
        noise=noise,
        deviation=noise * np.sqrt(np.sum(level**2 / counts, axis=1)),
        scatter=np.sqrt(kernel @ (y - smoothed) ** 2),
        cap=cap,
        width=wanted,
    )


def smooth(curve: Curve, width: float = 0.2) -> Floats:
    """The zero-phase smoothed loss at every step of a curve, for plots; see `smoothing`.

    Returns:
        Shape (n,), float64; NaN from the first loss that is not finite on. A divergence is capped.

    Example:
        >>> smooth(Curve([0.1, 0.2, 0.4], [3.0, 3.0, 3.0])).tolist()
        [3.0, 3.0, 3.0]
    """
    smoothed = smoothing(curve, width)
    answer = np.full(len(curve), np.nan)
    readable = np.isfinite(curve.lrs) & (curve.lrs > 0) & np.logical_and.accumulate(np.isfinite(curve.losses))
    if len(smoothed.x):
        answer[readable] = np.interp(np.log10(curve.lrs[readable]), smoothed.x, smoothed.y)
    return answer


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


def _local_lines(x: Floats, counts: Floats, width: float) -> tuple[Floats, Floats, Floats]:
    """Matrices (m, m) that map losses at x to the levels, slopes and local means of the lines."""
    u: Floats = x[None, :] - x[:, None]
    second = min(2, len(x) - 1)
    near: Floats = np.partition(np.abs(u), second, axis=1)[:, second]
    bandwidth = np.maximum(np.maximum(near, width), 1e-300)
    kernel: Floats = np.exp(-0.5 * (u / bandwidth[:, None]) ** 2) * counts
    kernel = kernel / kernel.sum(axis=1, keepdims=True)
    first: Floats = (kernel * u).sum(axis=1, keepdims=True)
    variance: Floats = (kernel * u**2).sum(axis=1, keepdims=True) - first**2
    # A single rate within the kernel has no variance: its line is flat.
    precision: Floats = 1.0 / np.where(variance > 1e-9 * bandwidth[:, None] ** 2, variance, np.inf)
    slope: Floats = kernel * (u - first) * precision
    return kernel - first * slope, slope, kernel


@dataclass(frozen=True, slots=True, eq=False)
class CurveBand:
    """Repeats of one range test seen together: smoothed losses at each rate.

    Attributes:
        lrs: shape (m,), the rates of the longest repeat where at least one repeat has a loss.
        median, low, high: shape (m,), over the repeats that reached the rate.
    """

    lrs: Floats
    median: Floats
    low: Floats
    high: Floats


def band(curves: Sequence[Curve]) -> CurveBand:
    """Median and range of the smoothed repeats; they may differ in length, because some diverged earlier."""
    if not curves:
        raise ValueError("curves is empty; a band needs at least one curve.")
    lrs = max(curves, key=len).lrs
    rows = np.stack([_at(lrs, curve) for curve in curves])
    seen = np.isfinite(rows).any(axis=0)
    rows = rows[:, seen]
    if rows.size == 0:
        return CurveBand(lrs[seen], lrs[seen], lrs[seen], lrs[seen])
    return CurveBand(lrs[seen], np.nanmedian(rows, axis=0), np.nanmin(rows, axis=0), np.nanmax(rows, axis=0))


def _at(lrs: Floats, curve: Curve) -> Floats:
    """The smoothed curve at other rates, NaN where it does not reach; repeats of one ramp need no interpolation."""
    smoothed = smooth(curve)
    if np.array_equal(lrs[: len(curve)], curve.lrs):
        return np.concatenate([smoothed, np.full(len(lrs) - len(curve), np.nan)])
    order = np.argsort(curve.lrs, kind="stable")
    order = order[np.isfinite(smoothed[order])]
    if len(order) == 0:
        return np.full(len(lrs), np.nan)
    return np.interp(lrs, curve.lrs[order], smoothed[order], left=np.nan, right=np.nan)
